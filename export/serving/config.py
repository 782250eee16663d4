"""The files that TF Serving and its container are started with."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_path
from refinezoo.paths import plain_name

KIT = Path(__file__).parent / "deploy"
_CONTAINER_FOLDER = "/models"  # where the containers of `deploy/` see the models


def serve_config(
    models: str | os.PathLike,
    out: str | os.PathLike,
    *,
    latest: int = 1,
    labels: Mapping[str, Mapping[str, int]] | None = None,
) -> list[Path]:
    """Writes all that a `tensorflow/serving` container needs to serve a folder of models.

    `config/` (`models.config`: every model, its versions and labels; batching and monitoring
    parameters), `compose.yaml` with its `.env`, `kubernetes/base` and `kubernetes/gpu` for
    `kubectl apply -k`, and `smoke_test.sh`.

    Args:
        models: folder of `NAME/VERSION/saved_model.pb`.
        out: folder of these files; other files in it are left alone.
        latest: how many of a model's newest versions are served, if it has no labels.
        labels: per model, its labels: `{"cyclegan": {"stable": 1, "canary": 2}}`. Of such a model
            exactly the labelled versions are served.

    Returns:
        The files written.

    Raises:
        RefinezooError: no models there, or a label of a model or version that is not there.
    """
    models, out = Path(models), Path(out)
    versions = find_models(models)
    labels = {name: dict(of_model) for name, of_model in (labels or {}).items()}
    if latest < 1:
        raise RefinezooError(f"expected latest >= 1, received {latest}.")
    for name, of_model in labels.items():
        _check_labels(name, of_model, versions)
    texts = {
        "config/models.config": models_config(versions, labels, latest),
        ".env": f"REFINEZOO_MODELS={models.resolve()}\n",
    }
    written = []
    for name, text in texts.items():
        with atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(out / name)
    for path in sorted(path for path in KIT.rglob("*") if path.is_file()):
        target = out / path.relative_to(KIT)
        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)
        if path.suffix == ".sh":
            target.chmod(0o755)
        written.append(target)
    return written


def parse_labels(texts: Sequence[str]) -> dict[str, dict[str, int]]:
    """`["cyclegan:stable=1"]` to the `labels` of `serve_config`.

    Raises:
        RefinezooError: a text of another form.
    """
    labels: dict[str, dict[str, int]] = {}
    for text in texts:
        match = re.fullmatch(r"([^:=]+):([^:=]+)=(\d+)", text)
        if match is None:
            raise RefinezooError(f"expected NAME:LABEL=VERSION, received {text!r}.")
        labels.setdefault(match[1], {})[match[2]] = int(match[3])
    return labels


def find_models(folder: str | os.PathLike) -> dict[str, list[int]]:
    """The models of `NAME/VERSION/saved_model.pb` and their versions, rising.

    Raises:
        RefinezooError: there are none, or one's name would be no plain word in a configuration.
    """
    found: dict[str, list[int]] = {}
    for path in Path(folder).glob("*/*/saved_model.pb"):
        if path.parent.name.isdecimal():
            name = plain_name(path.parents[1].name, "the folder of a model")
            found.setdefault(name, []).append(int(path.parent.name))
    if not found:
        raise RefinezooError(
            f"expected models as NAME/VERSION/saved_model.pb in {str(folder)!r}, found none. "
            f"Write one with: refinezoo export NAME --out {folder}"
        )
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def models_config(
    versions: Mapping[str, list[int]], labels: Mapping[str, Mapping[str, int]], latest: int = 1
) -> str:
    """The text of a `ModelServerConfig`."""
    lines = ["model_config_list {"]
    for name in versions:
        lines += [
            "  config {",
            f'    name: "{name}"',
            f'    base_path: "{_CONTAINER_FOLDER}/{name}"',
            '    model_platform: "tensorflow"',
        ]
        of_model = labels.get(name, {})
        if of_model:
            served = " ".join(f"versions: {version}" for version in sorted(set(of_model.values())))
            lines.append(f"    model_version_policy {{ specific {{ {served} }} }}")
        else:
            lines.append(f"    model_version_policy {{ latest {{ num_versions: {latest} }} }}")
        for label, version in sorted(of_model.items()):
            lines.append(f'    version_labels {{ key: "{label}" value: {version} }}')
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def _check_labels(name: str, labels: Mapping[str, int], versions: Mapping[str, list[int]]) -> None:
    if name not in versions:
        raise RefinezooError(
            f"expected labels of a model of {list(versions)}, received {name!r}."
            + did_you_mean(name, versions)
        )
    for label, version in labels.items():
        if not re.fullmatch(r"\w+", label, re.ASCII):
            raise RefinezooError(
                f"expected a label of letters, digits and underscores, received {label!r}."
            )
        if version not in versions[name]:
            raise RefinezooError(
                f"label {label!r} of {name!r}: expected a version of {versions[name]}, "
                f"received {version}."
            )
