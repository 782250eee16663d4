"""Unpaired batches: balanced, seeded, reshuffled, and the same from tf.data."""

import keras
import numpy as np
import pytest
from small_sets import coco, photo, put, put_coco

from refinezoo.data import CocoDataset, FollowEpoch, unpaired, unpaired_tf_dataset, write_image
from refinezoo.data.augmentation import Augmentation
from refinezoo.data.sampler import UnpairedSampler
from refinezoo.errors import RefinezooError
from refinezoo.scenes import compose_scenes


def numbered(count, side=24, start=0):
    """Images of one grey level each: their value tells which one they are."""
    return [np.full((side, side, 3), start + k, np.uint8) for k in range(count)]


def shown(dataset, domain, batches):
    return [int(v) for i in batches for v in dataset[i][domain]["image"][:, 0, 0, 0]]


def write_domain(folder, count, side=40, masks=True):
    rng = np.random.default_rng(count)
    for k in range(count):
        image = rng.integers(0, 100, (side, side + 8 * (k % 3), 3), np.uint8)
        mask = np.zeros(image.shape[:2], np.uint8)
        y, x = rng.integers(2, side // 2, 2)
        mask[y : y + side // 2, x : x + side // 2] = 255
        image[mask > 0] = 250
        write_image(folder / "images" / f"{k:02d}.png", image)
        if masks:
            write_image(folder / "foreground_masks" / f"{k:02d}.png", mask)
    return folder


def bright(image):
    return (image[..., :1] > 200).astype(np.float32)


def test_the_smaller_domain_is_repeated_and_every_image_comes_once_per_turn():
    data = unpaired(numbered(12), numbered(5, start=100), image_size=16, batch_size=4)
    assert len(data) == 3
    assert sorted(shown(data, "synthetic", range(3))) == list(range(12))
    real = shown(data, "real", range(3))
    assert sorted(real[:5]) == sorted(real[5:10]) == list(range(100, 105))
    counts = np.bincount(real, minlength=105)[100:]
    assert counts.max() - counts.min() <= 1


def test_epochs_are_reshuffled_and_seeded():
    def epoch_orders(seed):
        data = unpaired(numbered(12), numbered(12), image_size=16, batch_size=4, seed=seed)
        orders = []
        for _ in range(2):
            orders.append(shown(data, "synthetic", range(3)))
            data.on_epoch_end()
        return orders

    first, second = epoch_orders(0)
    assert first != second and sorted(first) == sorted(second)
    assert epoch_orders(0) == [first, second] and epoch_orders(1)[0] != first


def test_short_epochs_starve_no_image():
    data = unpaired(numbered(10), numbered(3), image_size=16, batch_size=2, steps=2)
    seen = []
    for _ in range(5):
        seen += shown(data, "synthetic", range(2))
        data.on_epoch_end()
    assert np.bincount(seen, minlength=10).tolist() == [2] * 10


def test_batches_do_not_depend_on_the_order_of_asking(tmp_path):
    folder = write_domain(tmp_path / "s", 5)
    one = unpaired(folder, folder, image_size=32, batch_size=2, seed=1)
    other = unpaired(folder, folder, image_size=32, batch_size=2, seed=1, initial_epoch=2)
    one.epoch = 2
    forwards = [one[i] for i in range(len(one))]
    for i in reversed(range(len(other))):
        keras.tree.map_structure(np.testing.assert_array_equal, forwards[i], other[i])


def test_batch_layout_and_alignment_of_masks(tmp_path):
    synthetic = write_domain(tmp_path / "s", 6)
    real = write_domain(tmp_path / "r", 4, masks=False)
    for crop in ("random", "centre", "resize"):
        data = unpaired(synthetic, real, image_size=32, batch_size=3, crop=crop, masks=bright)
        for half in data[0].values():
            image, mask = half["image"], half["foreground_mask"]
            assert image.shape == (3, 32, 32, 3) and image.dtype == np.uint8
            assert mask.shape == (3, 32, 32, 1) and mask.dtype == np.float32
            assert set(np.unique(mask)) <= {0, 1} and 0.05 < mask.mean() < 0.6
            disagree = (image.min(-1) > 170) != (mask[..., 0] > 0.5)
            assert disagree.mean() < 0.06  # only the object's rim


def test_a_domain_without_masks_has_none(tmp_path):
    data = unpaired(write_domain(tmp_path / "s", 3), numbered(3), image_size=16)
    assert set(data[0]["synthetic"]) == {"image", "foreground_mask"}
    assert set(data[0]["real"]) == {"image"}


def test_every_kind_of_source_gives_the_same(tmp_path):
    folder = write_domain(tmp_path / "s", 4)
    paths = sorted((folder / "images").iterdir())
    wanted = unpaired(folder, numbered(3), image_size=24)[0]["synthetic"]["image"]
    for source in (folder / "images", str(folder), paths, [folder]):
        found = unpaired(source, numbered(3), image_size=24)[0]["synthetic"]["image"]
        assert (found == wanted).all()
    stack = np.stack(numbered(4))
    assert (unpaired(stack, stack, image_size=24, augment=False)[0]["real"]["image"] < 4).all()


def test_composed_scenes_and_coco(tmp_path):
    assets = __import__("refinezoo").__path__[0] + "/assets/products"
    folder = compose_scenes(assets, tmp_path / "scenes", 3, image_size=32, progress=False)
    data = unpaired(CocoDataset.load(folder), folder / "annotations.json", image_size=32)
    for half in data[0].values():
        assert half["foreground_mask"].mean() > 0.05


def test_lazy_reading_gives_the_same_batches(tmp_path):
    folder = write_domain(tmp_path / "s", 4)
    data = unpaired(folder, folder, image_size=24, batch_size=2)
    lazy = unpaired(folder, folder, image_size=24, batch_size=2, memory_budget=1000)
    assert lazy.sampler.domains[0].memory is None and data.sampler.domains[0].memory is not None
    keras.tree.map_structure(np.testing.assert_array_equal, data[1], lazy[1])


def test_augmentation_object(tmp_path):
    folder = write_domain(tmp_path / "s", 4)
    plain = unpaired(folder, folder, image_size=32, augment=False, crop="centre")
    dark = unpaired(
        folder, folder, image_size=32, crop="centre", augment=Augmentation(flip=0, rotate=30)
    )
    assert (plain[0]["real"]["image"] != dark[0]["real"]["image"]).any()


def coordinates(height, width):
    """An image whose red is the row and whose green is the column of each pixel."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(height)[:, None], np.arange(width)
    return image


@pytest.mark.parametrize("shape", [(24, 64), (64, 24), (32, 32)])
@pytest.mark.parametrize("crop", ["random", "centre", "resize"])
def test_crops_of_any_shape_show_images_undistorted(shape, crop):
    """Unless they are to show the whole image; masks, kept or made, are cut with them."""
    images = [coordinates(120, 200), coordinates(200, 90)]
    data = unpaired(
        images,
        images,
        image_size=shape,
        crop=crop,
        augment=False,
        masks=lambda image: (image[..., :1] > 60).astype(np.float32),
    )
    for index in range(6):
        record = data.sampler.sample(0, index)
        image = record["image"].astype(float)
        assert image.shape == (*shape, 3) and record["foreground_mask"].shape == (*shape, 1)
        down, across = np.ptp(image[:, 0, 0]), np.ptp(image[0, :, 1])
        down, across = down / (shape[0] - 1), across / (shape[1] - 1)
        height, width = images[data.sampler.index(0, index)].shape[:2]
        whole = height / shape[0], width / shape[1]
        if crop == "resize":
            np.testing.assert_allclose([down, across], whole, rtol=0.05)
        else:
            low = 1.0 if crop == "centre" else 256 / 286
            np.testing.assert_allclose(down, across, rtol=0.1)
            assert 0.93 * low * min(whole) < (down + across) / 2 < 1.05 * min(whole)
        if crop == "centre":
            middle = [image[..., 0].mean(), image[..., 1].mean()]
            np.testing.assert_allclose(middle, [height / 2, width / 2], atol=2)
        disagree = (image[..., 0] > 60) != (record["foreground_mask"][..., 0] > 0.5)
        assert disagree.mean() < 0.06


def test_boxes_of_oblong_crops_are_shares_of_them(tmp_path):
    put(tmp_path / "set/images/a.png", photo(0))
    put_coco(tmp_path / "set/annotations.json", coco(["a.png"], box=(8, 6, 16, 12)))
    for crop, wanted in (
        ("resize", [8 / 32, 6 / 24, 24 / 32, 18 / 24]),
        ("centre", [8 / 32, 2 / 16, 24 / 32, 14 / 16]),
    ):
        data = unpaired(
            tmp_path / "set",
            [photo(9)],
            image_size=(16, 32),
            crop=crop,
            augment=False,
            encode=lambda corners, *_: corners,
        )
        np.testing.assert_allclose(data[0]["synthetic"]["targets"], [[wanted]], atol=1e-6)


@pytest.mark.tensorflow
def test_tf_dataset_gives_the_same_batches(tmp_path):
    synthetic, real = write_domain(tmp_path / "s", 5), write_domain(tmp_path / "r", 3, masks=False)
    arguments = {"image_size": 32, "batch_size": 2, "seed": 4, "masks": bright}
    data = unpaired(synthetic, real, **arguments)
    for i, batch in zip(
        range(2 * len(data)), unpaired_tf_dataset(synthetic, real, **arguments), strict=False
    ):
        if i == len(data):
            data.on_epoch_end()
        wanted = data[i % len(data)]
        assert batch["real"]["foreground_mask"].shape == (2, 32, 32, 1)
        for domain, half in wanted.items():
            for key, value in half.items():
                np.testing.assert_array_equal(batch[domain][key].numpy(), value)


def test_follow_epoch_resumes_the_stream():
    class Recorder(keras.Model):
        """Its loss is the mean of the image, so that the history tells which ones came."""

        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, batch):
            return keras.ops.cast(batch["synthetic"]["image"], "float32") * self.scale

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return keras.ops.mean(y_pred)

    def losses(epochs, initial_epoch):
        data = unpaired(numbered(5), numbered(5), image_size=16, steps=1)
        model = Recorder()
        model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=False)
        history = model.fit(
            data,
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=0,
            shuffle=False,
            callbacks=[FollowEpoch(data)],
        )
        return history.history["loss"]

    whole = losses(6, 0)
    assert sorted(whole[:5]) == [0, 1, 2, 3, 4]
    assert losses(6, 3) == whole[3:]


def test_bad_sources(tmp_path):
    good = numbered(2)
    with pytest.raises(RefinezooError, match="no such folder"):
        unpaired(tmp_path / "none", good)
    with pytest.raises(RefinezooError, match="an empty list"):
        unpaired([], good)
    with pytest.raises(RefinezooError, match="synthetic arrays uint8"):
        unpaired([good[0] / 255.0], good)
    with pytest.raises(RefinezooError, match="Did you mean 'random'"):
        unpaired(good, good, crop="ramdom")
    with pytest.raises(RefinezooError, match="1 or more"):
        unpaired(good, good, batch_size=0)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").touch()
    with pytest.raises(RefinezooError, match="zero bytes"):
        unpaired(tmp_path / "bad", good)


def test_another_thread_may_replace_the_orders():
    class Raced(UnpairedSampler):
        _orders = property(lambda self: {}, lambda self, orders: None)

    arguments = {
        "image_size": 16,
        "crop": "resize",
        "augment": False,
        "seed": 0,
        "masks": None,
        "resize_masks": False,
        "memory_budget": 1 << 20,
    }
    calm, raced = (kind(numbered(5), numbered(3), **arguments) for kind in (UnpairedSampler, Raced))
    for domain in (0, 1):
        found = [raced.index(domain, t) for t in range(10)]
        assert found == [calm.index(domain, t) for t in range(10)]


def test_bad_masks(tmp_path):
    folder = write_domain(tmp_path / "s", 3)
    write_image(folder / "foreground_masks" / "00.png", np.full((7, 7), 255, np.uint8))
    with pytest.raises(RefinezooError, match=r"00\.png.*7 x 7"):
        unpaired(folder, numbered(2))
    assert len(unpaired(folder, numbered(2), resize_masks=True)) == 3
    (folder / "foreground_masks" / "01.png").unlink()
    with pytest.raises(RefinezooError, match="1 of 3 have none"):
        unpaired(folder, numbered(2))


def test_depth_comes_with_its_image(tmp_path):
    """Depth that equals the image's grey level in metres still does after window and mirror."""
    folder = tmp_path / "renders"
    rng = np.random.default_rng(0)
    for k in range(3):
        metres = np.kron(rng.integers(1, 9, (6, 6)), np.ones((8, 8), int))
        grey = (metres * 25).astype(np.uint8)
        write_image(folder / "images" / f"{k}.png", np.repeat(grey[..., None], 3, axis=2))
        (folder / "depth").mkdir(exist_ok=True)
        np.save(folder / "depth" / f"{k}.npy", metres.astype(np.float32))
    data = unpaired(folder, numbered(2), image_size=48, batch_size=3)
    batch = data[0]
    assert set(batch["synthetic"]) == {"image", "depth_m"} and set(batch["real"]) == {"image"}
    depth = batch["synthetic"]["depth_m"]
    assert depth.dtype == np.float32 and depth.shape == (3, 48, 48, 1)
    near = np.abs(batch["synthetic"]["image"][..., :1] / 25.0 - depth) < 0.1
    assert near.mean() > 0.7  # all but the blocks' edges, which the image blends
    twin = next(iter(unpaired_tf_dataset(folder, numbered(2), image_size=48, batch_size=3)))
    np.testing.assert_array_equal(twin["synthetic"]["depth_m"], depth)
    (folder / "depth" / "1.npy").unlink()
    with pytest.raises(RefinezooError, match="file in depth/ for every synthetic image, 1 of 3"):
        unpaired(folder, numbered(2))


def test_images_of_a_coco_set_are_those_it_names(tmp_path):
    names = ["a.png", "cam1/0.png", "cam1/1.png"]
    for number, name in enumerate([*names, "spare.png"]):
        put(tmp_path / "set/images" / name, photo(number))
    put_coco(tmp_path / "set/annotations.json", coco(names))
    root = tmp_path / "set"
    patterns = [str(root / "images/a.png"), str(root / "images/cam1/*.png")]
    for source in (str(root), str(root / "annotations.json"), patterns):
        batches = unpaired(source, [photo(9)], image_size=16, crop="resize", augment=False)
        assert len(batches.sampler.domains[0]) == 3
