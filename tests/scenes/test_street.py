"""The street renderer: same seed, same bytes; image, mask, depth and boxes of one z-buffer."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle_tools

from refinezoo.data.depth import read_depth
from refinezoo.errors import RefinezooError
from refinezoo.scenes import render_street
from refinezoo.scenes.street import CLASS_NAMES, Camera, ForestWorld, StreetScene
from refinezoo.scenes.street import classes as c
from refinezoo.scenes.street import dataset as dataset_module
from refinezoo.scenes.street.light import Light
from refinezoo.scenes.street.raster import Cylinder, Patch, ZBuffer
from refinezoo.scenes.street.textures import Texture, plain

SIZE = (96, 128)


@pytest.fixture(scope="module")
def frames():
    """Six streets, each with its scene and camera."""
    rows = []
    for seed in range(6):
        scene = StreetScene(seed)
        camera = scene.camera(SIZE)
        rows.append((scene, camera, scene.render(camera)))
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("street") / "frames"
    return render_street(out, 4, image_size=SIZE, seed=3, progress=False)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_scene_is_its_seed(frames):
    for scene, camera, frame in frames[:2]:
        again = StreetScene(scene.seed).render(camera)
        for name in ("image", "mask", "depth_m", "instance"):
            np.testing.assert_array_equal(getattr(frame, name), getattr(again, name))
    assert (frames[0][2].image != frames[1][2].image).mean() > 0.5


def test_workers_change_no_byte(folder, tmp_path):
    other = render_street(tmp_path / "b", 4, image_size=SIZE, seed=3, workers=2, progress=False)
    assert digests(folder) == digests(other) and len(digests(folder)) == 3 * 4 + 1
    third = render_street(tmp_path / "c", 2, image_size=SIZE, seed=4, progress=False)
    assert digests(third)["images/000000.png"] != digests(folder)["images/000000.png"]


def test_files_hold_the_frame(folder):
    scene = StreetScene((3, 2))
    frame = scene.render(scene.camera(SIZE))
    image = cv2.imread(str(folder / "images" / "000002.png"))[..., ::-1]
    np.testing.assert_array_equal(image, frame.image)
    mask = cv2.imread(str(folder / "masks" / "000002.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, frame.mask)
    depth = read_depth(folder / "depth" / "000002.png")[..., 0]
    near = frame.depth_m <= 65.535
    np.testing.assert_allclose(depth[near], frame.depth_m[near], atol=0.00051)
    assert (depth[~near] == 0).all() and (~near).any()


def test_boxes_are_tight_around_what_is_seen(folder):
    document = json.loads((folder / "annotations.json").read_text())
    names = {row["id"]: row["name"] for row in document["categories"]}
    assert names == {k: CLASS_NAMES[k] for k in c.INSTANCE_CLASSES}
    assert [row["id"] for row in document["annotations"]] == list(
        range(1, len(document["annotations"]) + 1)
    )
    covered = 0
    for image in document["images"]:
        mask = cv2.imread(str(folder / "masks" / image["file_name"]), cv2.IMREAD_UNCHANGED)
        union = np.zeros(SIZE, int)
        for row in document["annotations"]:
            if row["image_id"] != image["id"]:
                continue
            seen = rle_tools.decode(row["segmentation"]).astype(bool)
            ys, xs = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
            tight = [xs[0], ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1]
            assert row["bbox"] == tight and row["area"] == seen.sum()
            assert (mask[seen] == row["category_id"]).all()
            assert row["iscrowd"] == (row["area"] < 0.0005 * seen.size)
            union += seen
        np.testing.assert_array_equal(union > 0, np.isin(mask, c.INSTANCE_CLASSES))
        assert union.max() == 1
        covered += (union > 0).sum()
    assert covered > 300


def test_mask_and_depth_agree(frames):
    for scene, _, frame in frames:
        assert frame.image.dtype == np.uint8 and frame.mask.max() < len(CLASS_NAMES)
        assert (frame.depth_m[frame.mask == c.SKY] == 0).all()
        surface = frame.mask != c.SKY
        if scene.bonnet:
            surface &= frame.depth_m > 0
            assert (frame.mask[(frame.depth_m == 0) & (frame.mask != c.SKY)] == c.VOID).all()
        assert (frame.depth_m[surface] > 0).all()
        assert ((frame.instance > 0) == np.isin(frame.mask, c.INSTANCE_CLASSES)).all()
    shown = set(np.unique([frame.mask for *_, frame in frames]))
    assert {c.SKY, c.BUILDING, c.POLE, c.ROAD, c.PAVEMENT, c.TREE, c.CAR} <= shown


def test_the_road_lies_where_the_camera_says(frames):
    """z = h f / (cos(pitch) (v - v0)) on every road pixel."""
    checked = 0
    for _, camera, frame in frames:
        rows, columns = np.nonzero(frame.mask == c.ROAD)
        below = rows > camera.horizon + 1
        rows, columns = rows[below], columns[below]
        expected = camera.position[1] * camera.focal / (rows - camera.horizon)
        np.testing.assert_allclose(
            frame.depth_m[rows, columns] * np.cos(camera.pitch), expected, rtol=1e-3
        )
        checked += len(rows)
    assert checked > 10_000


@pytest.fixture
def light():
    return Light.draw(np.random.default_rng(0))


def ray(camera, row, column):
    """World direction of a pixel's ray with z = 1 along the optical axis."""
    (r, q), f = camera.centre, camera.focal
    return camera.axes @ np.array([(column - q) / f, (row - r) / f, 1.0])


def test_a_cylinder_is_as_far_as_its_circle(light):
    camera = Camera((64, 64), 60.0, (0.3, 1.5, -0.5), yaw=0.2, pitch=0.1)
    buffer = ZBuffer(camera, light)
    buffer.draw([Cylinder((1.0, 0.0, 4.0), 0.5, 3.0, plain(), c.POLE, 7)])
    rows, columns = np.nonzero(buffer.inverse_depth)
    assert len(rows) > 200 and set(np.unique(buffer.instance[rows, columns])) == {7}
    for row, column in zip(rows[::17], columns[::17], strict=True):
        direction = ray(camera, row, column)
        point = np.array(camera.position) + direction / buffer.inverse_depth[row, column]
        assert np.hypot(point[0] - 1.0, point[2] - 4.0) == pytest.approx(0.5, abs=1e-4)
        assert -1e-6 <= point[1] <= 3.0 + 1e-6
        assert direction[[0, 2]] @ (point[[0, 2]] - (1.0, 4.0)) < 0  # the near side


def test_patches_hide_each_other_by_depth_not_by_order(light):
    camera = Camera((48, 48), 40.0, (0.0, 0.0, 0.0))
    near = Patch((-1, 1, 3), (1, 0, 0), (0, -2, 0), plain(), c.CAR, 1)
    far = Patch((-2, 2, 5), (4, 0, 0), (0, -4, 0), plain(), c.BUILDING)
    crossing = Patch((0, 1, 2), (0, 0, 6), (0, -2, 0), plain(), c.FENCE)  # edge-on: never seen
    masks = []
    for order in ([near, far, crossing], [crossing, far, near]):
        buffer = ZBuffer(camera, light)
        buffer.draw(order)
        masks.append(buffer.class_id.copy())
    np.testing.assert_array_equal(*masks)
    left, right = masks[0][24, 15], masks[0][24, 32]
    assert (left, right) == (c.CAR, c.BUILDING) and c.FENCE not in masks[0]
    assert 1 / buffer.inverse_depth[24, 15] == pytest.approx(3.0, rel=1e-5)
    assert 1 / buffer.inverse_depth[24, 32] == pytest.approx(5.0, rel=1e-5)


def test_textures_are_seen_the_right_way_round(light):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :2] = (255, 0, 0, 255)
    pixels[:2, 2:] = (0, 255, 0, 255)
    pixels[2:, :2] = (0, 0, 255, 255)  # the fourth quarter is a hole
    buffer = ZBuffer(Camera((64, 64), 60.0, (0.0, 0.0, 0.0)), light)
    buffer.draw([Patch((-1, 1, 3), (2, 0, 0), (0, -2, 0), Texture(pixels), c.SIGN, 1)])
    for at, channel in (((20, 20), 0), ((20, 43), 1), ((43, 20), 2)):
        assert buffer.colour[at].argmax() == channel and buffer.class_id[at] == c.SIGN
    assert buffer.inverse_depth[43, 43] == 0 and buffer.instance[43, 43] == 0


def test_the_forest_is_where_it_collides():
    """Along each ray of the middle row, the rendered point lies on an obstacle's surface."""
    world = ForestWorld(5)
    camera = world.camera(SIZE, -2.0, 3.0, 0.15)
    frame = world.render(camera)
    row, hits = SIZE[0] // 2 - 1, 0
    for column in range(0, SIZE[1], 2):
        direction = ray(camera, row, column)
        end = frame.depth_m[row, column]
        free = min(end, 40.0) if end else 40.0
        for z in np.arange(0.0, free - 0.1, 0.2):  # nothing before it
            x, _, ahead = np.array(camera.position) + z * direction
            assert not world.collides(x, ahead, 0.0)
        if 0 < end < 40.0 and frame.mask[row, column] != c.ROAD:
            x, _, ahead = np.array(camera.position) + end * direction
            assert abs(world.clearance(x, ahead)) < 2e-3
            hits += 1
    assert hits > 15


def test_collisions_follow_the_geometry():
    world = ForestWorld(5)
    x, z, radius = world.trunks[0]
    assert world.clearance(x, z) == pytest.approx(-radius)
    assert world.collides(x + radius + 0.2, z, 0.21)
    wx, wz, half, thin, angle = world.walls[0]
    along, across = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    at = (wx, wz) + (half + 0.3) * along
    assert world.clearance(*at) == pytest.approx(0.3)
    at = (wx, wz) - (thin + 0.4) * across + 0.5 * half * along
    assert world.clearance(*at) == pytest.approx(0.4)
    assert world.clearance(wx, wz) == pytest.approx(-thin)
    apart = np.hypot(*(world.trunks[:, None, :2] - world.trunks[None, :, :2]).transpose(2, 0, 1))
    assert apart[~np.eye(len(apart), dtype=bool)].min() > 2.2


def test_looks_change_the_image_and_nothing_else():
    worlds = [ForestWorld(2, look=look) for look in ("plain", "rich")]
    np.testing.assert_array_equal(worlds[0].trunks, worlds[1].trunks)
    np.testing.assert_array_equal(worlds[0].walls, worlds[1].walls)
    plain_, rich = (world.render(world.camera(SIZE, 0.0, 0.0, 0.0)) for world in worlds)
    trunks = np.isin(plain_.mask, (c.BUILDING,)) & np.isin(rich.mask, (c.BUILDING,))
    np.testing.assert_array_equal(plain_.depth_m[trunks], rich.depth_m[trunks])
    assert np.abs(plain_.image.astype(int) - rich.image).mean() > 15
    with pytest.raises(RefinezooError, match=r"plain, rich, received 'riche'. Did you mean 'rich'"):
        ForestWorld(2, look="riche")


def test_forest_frames_are_written(tmp_path):
    out = render_street(tmp_path / "f", 2, image_size=(64, 64), mode="forest", progress=False)
    masks = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted((out / "masks").iterdir())]
    assert set(np.unique(masks)) <= {c.SKY, c.BUILDING, c.ROAD, c.TREE}
    assert (read_depth(out / "depth" / "000001.png") > 0).any()


def test_it_resumes_where_it_stopped(folder, tmp_path, monkeypatch):
    real, drawn = dataset_module.MODES["street"], []

    def breaks(seed, index, image_size):
        drawn.append(index)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return real(seed, index, image_size)

    monkeypatch.setitem(dataset_module.MODES, "street", breaks)
    out = tmp_path / "frames"
    with pytest.raises(KeyboardInterrupt):
        render_street(out, 4, image_size=SIZE, seed=3, progress=False)
    assert not (out / "annotations.json").exists()
    with pytest.raises(RefinezooError, match=r"begun with .*'seed': 5.*frames rendered with"):
        render_street(out, 4, image_size=SIZE, seed=5, progress=False)
    render_street(out, 4, image_size=SIZE, seed=3, progress=False)
    assert drawn == [0, 1, 2, 2, 3]
    assert digests(out) == digests(folder)
    render_street(out, 4, image_size=SIZE, seed=3, progress=False)  # complete: nothing is drawn
    assert len(drawn) == 5


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"image_size": (31, 128)}, r"at least 32 pixels each, received \(31, 128\)"),
        ({"mode": "forrest"}, "street, forest, received 'forrest'. Did you mean 'forest'"),
        ({"count": 0}, "count to be a whole number >= 1, received 0"),
        ({"seed": -1}, "seed to be a whole number >= 0"),
        ({"workers": 0}, "workers to be a whole number >= 1"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path, arguments, words):
    with pytest.raises(RefinezooError, match=words):
        render_street(tmp_path / "x", **{"count": 1, "progress": False, **arguments})
    assert not (tmp_path / "x").exists()


def test_other_peoples_files_are_left_alone(folder, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RefinezooError, match="holds other files"):
        render_street(tmp_path, 1, progress=False)
    with pytest.raises(RefinezooError, match="received the file"):
        render_street(tmp_path / "mine.txt", 1, progress=False)
    with pytest.raises(RefinezooError, match="focal length > 0"):
        Camera(SIZE, 0.0)
    with pytest.raises(RefinezooError, match="frames rendered with"):
        render_street(folder, 5, image_size=SIZE, seed=3, progress=False)


def test_class_shares_are_those_of_a_driver(frames):
    share = np.mean([np.bincount(f.mask.ravel(), minlength=12) for *_, f in frames], axis=0)
    share /= share.sum()
    assert 0.2 < share[c.ROAD] < 0.5 and 0.1 < share[c.BUILDING] < 0.4
    assert 0.08 < share[c.SKY] < 0.35 and share[c.CAR] > 0.01
