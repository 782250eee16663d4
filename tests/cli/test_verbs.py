"""Each verb calls the package with what was typed."""

import json
import subprocess
import sys
import types

import cv2
import numpy as np
import pytest
from command_line import run
from small_sets import photo, put

import refinezoo
from refinezoo import cli


def test_list_json_is_json_and_starts_no_keras():
    code = (
        "import sys; sys.argv = ['refinezoo', 'list', '--json']\n"
        "from refinezoo import cli\n"
        "try:\n    cli.main()\n"
        "finally:\n"
        "    bad = {'keras', 'tensorflow', 'jax', 'cv2', 'numpy'} & set(sys.modules)\n"
        "    print(sorted(bad), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    rows = json.loads(done.stdout)
    assert rows == refinezoo.list_models()
    keys = {"name", "kind", "summary", "weights_bytes", "weights_sha256", "licence", "results"}
    assert all(keys <= set(row) for row in rows)


@pytest.mark.parametrize("columns", [60, 80, 120, 400])
def test_the_list_has_a_line_a_model_and_cuts_no_licence(monkeypatch, columns):
    from refinezoo import zoo

    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("list").stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for line, row in zip(lines[1:], zoo.list_models(), strict=False):
        name, kind, *rest = line.split()
        assert (name, kind) == (row["name"], row["kind"])
        licence = "research only" if "research" in row["licence"].lower() else "Apache-2.0"
        assert " ".join(rest).startswith(licence)
        assert columns < 400 or line.endswith(row["summary"])
    assert ("a wider" in "".join(lines[-3:])) == (columns < 120)
    results = next(row["results"] for row in zoo.list_models() if row["name"] == "pvanet_fridge")
    assert (f"AP50 {results[0]['value']:.3f}" in "\n".join(lines)) == (columns >= 80)


def test_doctor_json_and_exit_code(tmp_path):
    for name in ("synthetic", "real"):
        (tmp_path / name).mkdir()
        image = np.full((70, 70, 3), 120, np.uint8)
        cv2.imwrite(str(tmp_path / name / "a.png"), image)
    result = run("doctor", tmp_path / "synthetic", tmp_path / "real", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["ok"] is True
    (tmp_path / "real" / "b.png").write_bytes(b"junk")
    result = run("doctor", tmp_path / "synthetic", tmp_path / "real")
    assert result.exit_code == 1 and "ERROR corrupt" in result.stdout


def test_demo_calls_the_package(calls, monkeypatch, tmp_path):
    recorded = calls("refinezoo.demo", "run")
    monkeypatch.setattr(refinezoo, "demo", sys.modules["refinezoo.demo"], raising=False)
    assert run("demo", "--out", tmp_path).exit_code == 0
    assert run("demo", "--out", tmp_path, "--count", 5, "--seed", 2).exit_code == 0
    assert recorded == [
        ((), {"out": tmp_path, "count": 48, "seed": 0}),
        ((), {"out": tmp_path, "count": 5, "seed": 2}),
    ]


def test_train_says_a_command_that_can_be_typed(monkeypatch, tmp_path):
    preset = tmp_path / "my run [1]" / "preset"
    put(preset.parent / "summary.json", "{}")
    monkeypatch.setattr("refinezoo.experiments.train.train", lambda config: preset)
    monkeypatch.setattr("refinezoo.cli.study_verbs.start", lambda: None)  # Keras is not needed
    put(tmp_path / "train.yaml", "refiner: Reinhard\nsynthetic: a\nreal: b\nout: c\n")
    ended = run("train", tmp_path / "train.yaml")
    assert f"refinezoo refine SOURCE OUT --model '{preset}')" in ended.stdout, ended.output


def test_compare_calls_the_package(calls, tmp_path):
    recorded = calls("refinezoo.experiments.compare", "compare_downstream")
    result = run("compare", "study.yaml", "--jobs", 2, "--data", tmp_path)
    assert result.exit_code == 0, result.output
    ((study,), keywords) = recorded[0]
    assert str(study) == "study.yaml" and keywords["jobs"] == 2 and keywords["data"] == tmp_path


def test_compose_calls_the_package_with_packaged_products(calls, tmp_path):
    recorded = calls("refinezoo.scenes.compose", "compose_scenes", tmp_path)
    result = run("compose", tmp_path / "scenes", "--count", 3, "--layout", "tray", "--seed", 5)
    assert result.exit_code == 0, result.output
    ((products, out, count), keywords) = recorded[0]
    assert any(products.glob("*.png")) and any(keywords["distractors"].glob("*.png"))
    assert (out, count) == (tmp_path / "scenes", 3)
    assert keywords["layout"] == "tray" and keywords["seed"] == 5


def test_street_calls_the_package(calls, tmp_path):
    recorded = calls("refinezoo.scenes.street", "render_street", tmp_path)
    result = run("street", tmp_path, "--count", 3, "--image-size", "64x96", "--mode", "forest")
    assert result.exit_code == 0 and f"3 frames: {tmp_path}" in result.output
    ((out, count), keywords) = recorded[0]
    assert (out, count) == (tmp_path, 3) and keywords["image_size"] == (64, 96)
    assert keywords["mode"] == "forest" and keywords["seed"] == 0
    with pytest.warns(FutureWarning, match="street --size is called --image-size now"):
        assert run("street", tmp_path, "--size", "32x48").exit_code == 0
    assert recorded[1][1]["image_size"] == (32, 48)
    wrong = run("street", tmp_path, "--image-size", "64,96")
    assert wrong.exit_code == 2 and "expected --image-size as 256 or 256x128" in wrong.stderr


def test_refine_loads_gates_and_reports(monkeypatch, tmp_path):
    seen = {}

    class Summary:
        failed: dict = {}

        def __str__(self):
            return "3 images refined"

    def refine_dataset(source, out, refiner, **keywords):
        seen.update(keywords, source=source, refiner=refiner)
        return Summary()

    monkeypatch.setattr(refinezoo, "refine_dataset", refine_dataset, raising=False)
    monkeypatch.setattr(cli.refine_verb, "load", lambda name: f"model {name}")
    put(tmp_path / "renders/a.png", photo())
    arguments = ["refine", tmp_path / "renders", tmp_path / "out"]
    arguments += ["--model", "reinhard", "--seed", 4]
    result = run(*arguments, "--gate", "drop", "--strength", 0.5)
    assert result.exit_code == 0, result.output
    assert "3 images refined" in result.stdout
    assert seen["gate"].action == "drop" and seen["strength"] == 0.5 and seen["seed"] == 4
    assert seen["refiner"] == "model reinhard"
    assert run(*arguments).exit_code == 0 and seen["gate"] is None


def test_the_zoo_s_calibration_is_taken_for_its_own_weights_alone():
    from refinezoo.refinement import Calibration
    from refinezoo.zoo.catalogue import gate_file

    shipped = Calibration.load(gate_file("reinhard"))
    ours = types.SimpleNamespace(weights_sha256=shipped.weights_sha256)
    assert cli.refine_verb._calibration(None, "reinhard", ours) == shipped
    others = types.SimpleNamespace(weights_sha256="0" * 64)
    assert cli.refine_verb._calibration(None, "reinhard", others) is None
    assert cli.refine_verb._calibration(None, "my_refiner/", ours) is None


def test_gate_writes_what_refine_reads(monkeypatch, tmp_path):
    from refinezoo import refinement

    parts = dict.fromkeys(refinement.calibration.PARTS, 1.0)
    objects = [[1.0, 1.0]] * 3
    known = refinement.Calibration(parts, parts, [0.1, 0.2], objects, objects, -2.0, 0.05, 24)
    seen = {}
    monkeypatch.setattr(cli.dataset_verbs, "load", lambda name: f"model {name}")
    monkeypatch.setattr(cli.refine_verb, "load", lambda name: f"model {name}")
    monkeypatch.setattr(refinement, "calibrate_gate", lambda *args, **keywords: known)
    put(tmp_path / "renders/a.png", photo())
    result = run("gate", tmp_path / "renders", tmp_path / "gate.json", "--model", "reinhard")
    assert result.exit_code == 0 and "threshold -2.0" in result.output, result.output

    def refine_dataset(source, out, refiner, **keywords):
        seen.update(keywords)
        return types.SimpleNamespace(failed={})

    monkeypatch.setattr(refinezoo, "refine_dataset", refine_dataset, raising=False)
    arguments = ["refine", tmp_path / "renders", tmp_path / "out", "--model", "reinhard"]
    arguments += ["--calibration", tmp_path / "gate.json"]
    assert run(*arguments, "--gate", "drop").exit_code == 0
    assert seen["gate"] == refinement.Gate(action="drop", calibration=known)
    result = run(*arguments)
    assert result.exit_code == 2 and "beside --calibration" in result.stderr


def test_serve_config_writes_the_kit(tmp_path):
    (tmp_path / "servable/m/1").mkdir(parents=True)
    (tmp_path / "servable/m/1/saved_model.pb").touch()
    kit = tmp_path / "deploy"
    done = run("serve-config", tmp_path / "servable", "--out", kit, "--label", "m:stable=1")
    assert done.exit_code == 0 and str(kit / "compose.yaml") in done.output
    assert 'key: "stable" value: 1' in (kit / "config/models.config").read_text()
    assert run("serve-config", tmp_path / "servable", "--label", "m=1").exit_code == 2


def test_request_says_that_no_server_is_there(tmp_path, images):
    from refinezoo.data import write_image

    write_image(tmp_path / "in/0.png", images[0])
    server = ("--server", "http://127.0.0.1:9", "--timeout", "1")
    done = run("request", tmp_path / "in", tmp_path / "out", "--model", "m", *server)
    assert done.exit_code == 2 and "UNAVAILABLE: 127.0.0.1:9" in done.output
