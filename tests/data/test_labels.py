"""Labels of renders: read, given to the batches of PixelDA, refused in words."""

import numpy as np
import pytest

from refinezoo.data import unpaired, write_image
from refinezoo.data.labels import read_labels
from refinezoo.data.pairing_tf import unpaired_tf_dataset
from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import config as training_config
from refinezoo.experiments.train import run as trainer


@pytest.fixture
def renders(tmp_path):
    """Six renders, each of one grey that says its class: even cups, odd plates."""
    lines = ["file,class,qw,qx,qy,qz"]
    for index in range(6):
        folder = tmp_path / "renders" / "images"
        write_image(folder / f"{index}.png", np.full((20, 20, 3), 40 * index, np.uint8))
        turn = np.pi * index / 12
        lines.append(
            f"{index}.png,{'plate' if index % 2 else 'cup'},{np.cos(turn)},0,0,{np.sin(turn)}"
        )
    for index in range(3):
        write_image(tmp_path / "photos" / f"{index}.png", np.full((20, 20, 3), 99, np.uint8))
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path


def test_each_render_keeps_its_label(renders):
    settings = {
        "image_size": 16,
        "batch_size": 3,
        "augment": False,
        "labels": renders / "labels.csv",
    }
    data = unpaired(renders / "renders", renders / "photos", **settings)
    batch = data[1]
    number = batch["synthetic"]["image"][:, 0, 0, 0] // 40
    np.testing.assert_array_equal(batch["synthetic"]["label"], number % 2)
    np.testing.assert_allclose(
        batch["synthetic"]["quaternion"][:, 3], np.sin(np.pi * number / 12), atol=1e-6
    )
    assert batch["synthetic"]["label"].dtype == np.int32 and set(batch["real"]) == {"image"}
    twin = next(iter(unpaired_tf_dataset(renders / "renders", renders / "photos", **settings)))
    np.testing.assert_array_equal(twin["synthetic"]["label"], data[0]["synthetic"]["label"])
    assert twin["synthetic"]["quaternion"].shape == (3, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,kind\n0.png,cup", "expected the header file,class"),
        ("file,class", "0 lines"),
        ("file,class\n0.png,cup\n0.png,plate", "line 3: expected a file of its own"),
        ("file,class\n0.png,", "line 2: .*received '0.png' and 'no class'"),
        ("file,class,qw,qx,qy,qz\n0.png,cup,1,1,0,0", "length 1, received 1,1,0,0. Normalise"),
        ("file,class,qw,qx,qy,qz\n0.png,cup,1,a,0,0", "length 1, received 1,a,0,0"),
        ("file,class,qw,qx,qy,qz\n0.png,cup,1,0", "length 1, received 1,0,None,None"),
    ],
)
def test_wrong_files_are_said(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(RefinezooError, match=message):
        read_labels(tmp_path / "labels.csv")


def test_renders_without_a_label_and_turned_ones_are_refused(renders):
    sources = renders / "renders", renders / "photos"
    with pytest.raises(RefinezooError, match="augment=False"):
        unpaired(*sources, 16, labels=renders / "labels.csv")
    lines = (renders / "labels.csv").read_text().splitlines()
    (renders / "labels.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(RefinezooError, match="1 have none, e.g. 5.png"):
        unpaired(*sources, 16, labels=renders / "labels.csv")
    with pytest.raises(RefinezooError, match="an array, which has no file name"):
        unpaired(np.zeros((2, 20, 20, 3), np.uint8), sources[1], 16, labels=renders / "labels.csv")
    with pytest.raises(RefinezooError, match="expected a CSV file of labels"):
        unpaired(*sources, 16, labels=renders / "none.csv")


def test_pixelda_trains_from_a_config(renders):
    config = training_config.validate(
        training_config.TrainingConfig,
        {
            "refiner": "PixelDA",
            "labels": str(renders / "labels.csv"),
            "image_size": 16,
            "arguments": {
                "image_size": 16,
                "width": 4,
                "blocks": 1,
                "tower_width_multiplier": 0.1,
                "quaternion": True,
            },
            "synthetic": str(renders / "renders"),
            "real": str(renders / "photos"),
            "augment": False,
            "batch_size": 2,
            "steps": 2,
            "samples": 2,
            "guards": False,
            "tensorboard": False,
            "out": str(renders / "run"),
        },
        "test",
    )
    import refinezoo

    refiner = refinezoo.load(trainer.train(config, progress=False))
    assert refiner.class_names == ["cup", "plate"]
    assert refiner.predict_labels(np.zeros((2, 16, 16, 3), np.uint8)).shape == (2,)
