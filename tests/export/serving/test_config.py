"""The files TF Serving and its container read, checked with what parses them there."""

import stat
from pathlib import Path

import pytest
import yaml

from refinezoo import RefinezooError, export
from refinezoo.export.serving.config import KIT, parse_labels

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def models(tmp_path):
    for place in ("cyclegan/1", "cyclegan/2", "cyclegan/10", "ssd/3", "ssd/.4.tmp"):
        (tmp_path / "models" / place).mkdir(parents=True)
        (tmp_path / "models" / place / "saved_model.pb").touch()
    (tmp_path / "models/notes").mkdir()
    return tmp_path / "models"


def parsed(path):
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    config = text_format.Parse(path.read_text(), ModelServerConfig())
    return {model.name: model for model in config.model_config_list.config}


def test_models_config(models, tmp_path):
    export.serve_config(models, tmp_path / "kit", latest=2)
    found = parsed(tmp_path / "kit/config/models.config")
    assert set(found) == {"cyclegan", "ssd"}
    cyclegan = found["cyclegan"]
    assert cyclegan.base_path == "/models/cyclegan" and cyclegan.model_platform == "tensorflow"
    assert cyclegan.model_version_policy.latest.num_versions == 2


@pytest.mark.parametrize(
    "name", ['m" } } config { name: "x', "a\nb", "$(reboot)", "a;b", "\x1b[2J"]
)
def test_names_of_folders_are_no_part_of_the_configuration(models, tmp_path, name):
    (models / name / "1").mkdir(parents=True)
    (models / name / "1/saved_model.pb").touch()
    with pytest.raises(RefinezooError, match="the folder of a model: expected a plain name"):
        export.serve_config(models, tmp_path / "kit")
    assert not (tmp_path / "kit").exists()


def test_labels_pin_their_versions(models, tmp_path):
    labels = parse_labels(["cyclegan:stable=2", "cyclegan:canary=10"])
    export.serve_config(models, tmp_path / "kit", labels=labels)
    found = parsed(tmp_path / "kit/config/models.config")
    assert list(found["cyclegan"].model_version_policy.specific.versions) == [2, 10]
    assert dict(found["cyclegan"].version_labels) == {"stable": 2, "canary": 10}
    assert found["ssd"].model_version_policy.latest.num_versions == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": {"cyclegn": {"stable": 1}}}, "Did you mean 'cyclegan'"),
        ({"labels": {"cyclegan": {"stable": 4}}}, r"a version of \[1, 2, 10\], received 4"),
        ({"labels": {"cyclegan": {"very stable": 1}}}, "letters, digits and underscores"),
        ({"latest": 0}, "latest >= 1"),
    ],
)
def test_wrong_settings_write_nothing(models, tmp_path, options, message):
    with pytest.raises(RefinezooError, match=message):
        export.serve_config(models, tmp_path / "kit", **options)
    assert not (tmp_path / "kit").exists()


def test_no_models(tmp_path):
    with pytest.raises(RefinezooError, match="refinezoo export NAME --out"):
        export.serve_config(tmp_path, tmp_path / "kit")


@pytest.mark.parametrize("text", ["cyclegan", "cyclegan:stable", "cyclegan:stable=x", ":a=1"])
def test_labels_of_another_form(text):
    with pytest.raises(RefinezooError, match="NAME:LABEL=VERSION"):
        parse_labels([text])


def message(name, fields):
    """A message class of TF Serving that its API package lacks: `{field: (number, kind)}`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="t", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    kinds = {"bool": 8, "int64": 3, "string": 9}
    for type_name, members in fields.items():
        of_type = file.message_type.add(name=type_name)
        for field, (number, kind, *repeated) in members.items():
            added = of_type.field.add(name=field, number=number, label=3 if repeated else 1)
            if kind in kinds:
                added.type = kinds[kind]
            else:
                added.type, added.type_name = 11, kind
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}"))


def test_batching_parameters():
    """Fields and rules of session_bundle_config.proto and batching_session.cc."""
    from google.protobuf import text_format

    wrapped = ".google.protobuf.Int64Value"
    kind = message(
        "BatchingParameters",
        {
            "BatchingParameters": {
                "max_batch_size": (1, wrapped),
                "batch_timeout_micros": (2, wrapped),
                "max_enqueued_batches": (3, wrapped),
                "num_batch_threads": (4, wrapped),
                "allowed_batch_sizes": (6, "int64", "repeated"),
            }
        },
    )
    read = text_format.Parse((KIT / "config/batching.config").read_text(), kind())
    sizes = list(read.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) and sizes[-1] == read.max_batch_size.value
    assert read.num_batch_threads.value >= 1 and read.max_enqueued_batches.value >= 1


def test_monitoring_parameters():
    """Fields of monitoring_config.proto."""
    from google.protobuf import text_format

    kind = message(
        "MonitoringConfig",
        {
            "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
            "MonitoringConfig": {"prometheus_config": (1, ".t.PrometheusConfig")},
        },
    )
    read = text_format.Parse((KIT / "config/monitoring.config").read_text(), kind())
    service = yaml.safe_load((KIT / "kubernetes/base/service.yaml").read_text())
    path = service["metadata"]["annotations"]["prometheus.io/path"]
    assert read.prometheus_config.enable and read.prometheus_config.path == path


# Flags of tensorflow_model_server that the kit uses, as its main.cc spells them (2.18 to 2.20).
FLAGS = {
    "allow_version_labels_for_unavailable_models",
    "enable_grpc_healthcheck_service",
    "file_system_poll_wait_seconds",
    "grpc_max_threads",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "monitoring_config_file",
    "rest_api_timeout_in_ms",
}


def test_containers_fit_the_configuration(models, tmp_path):
    kit = tmp_path / "kit"
    written = export.serve_config(models, kit)
    assert all(path.is_file() for path in written)
    assert (kit / "smoke_test.sh").stat().st_mode & stat.S_IXUSR
    assert (kit / ".env").read_text() == f"REFINEZOO_MODELS={models}\n"
    compose = yaml.safe_load((kit / "compose.yaml").read_text())
    deployment = yaml.safe_load((kit / "kubernetes/base/deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert compose["services"]["serving-gpu"]["profiles"] == ["gpu"]
    for arguments in (compose["services"]["serving"]["command"], container["args"]):
        flags = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
        assert set(flags) <= FLAGS
        for flag in ("model_config_file", "monitoring_config_file"):
            assert (kit / "config" / Path(flags[flag]).relative_to("/config")).is_file()
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["models"] == "/models" and mounts["config"] == "/config"
    assert {volume["name"] for volume in deployment["spec"]["template"]["spec"]["volumes"]} == set(
        mounts
    )
    assert {"startupProbe", "readinessProbe", "livenessProbe", "resources"} <= set(container)
    for folder in ("config", "kubernetes/base", "kubernetes/gpu"):
        named = yaml.safe_load((kit / folder / "kustomization.yaml").read_text())
        generated = [f for g in named.get("configMapGenerator", ()) for f in g["files"]]
        for resource in [*named.get("resources", ()), *generated]:
            assert (kit / folder / resource).exists()
