"""A projected judge in a refiner: what it weighs, who moves, what stays, what is saved."""

import functools
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.refiners import CycleGAN, CycleGANForegroundBackground, SimGAN, judged
from refinezoo.refiners.judge import ProjectedJudge, area_shares

TINY = {"image_size": 32, "width": 4, "blocks": 1, "pool_size": 2}
# Tracing costs TensorFlow more than a few steps; JAX is slow without it.
EAGER = keras.backend.backend() == "tensorflow"


def batch(seed=0, fill=None):
    rng = np.random.default_rng(seed)

    def half():
        mask = np.zeros((2, 32, 32, 1), "float32")
        mask[:, : 8 + 8 * (seed % 2), :20] = 1.0
        mask = mask if fill is None else np.full_like(mask, fill)
        return {"image": rng.integers(0, 256, (2, 32, 32, 3), "uint8"), "foreground_mask": mask}

    return {"synthetic": half(), "real": half()}


def values(variables):
    return [np.asarray(v) for v in variables]


def same(before, after):
    return [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


# ---- what it weighs


def test_area_shares_are_means_over_the_pixels_under_four_cells():
    shares = area_shares(40, 10)
    assert shares.shape == (7, 40)
    expected = np.zeros((7, 40))
    for k in range(7):
        expected[k, 4 * k : 4 * k + 16] = 1 / 16
    np.testing.assert_allclose(shares, expected, atol=1e-7)
    odd = area_shares(13, 5)  # a pixel on a border counts for both cells
    np.testing.assert_allclose(odd.sum(axis=1), 1.0, atol=1e-6)
    assert odd[0, 10] == pytest.approx(0.4 / 10.4, rel=1e-5)


@pytest.fixture
def judge(toy_backbone):
    keras.utils.set_random_seed(0)
    return ProjectedJudge(toy_backbone(), regions=True, width=8, balance=None, seed=1)


def test_heads_keep_the_names_that_presets_have_for_them(judge):
    names = ["heads_real_goods", "heads_real_background"]
    assert [network.name for network in judge.networks] == names
    assert [heads.region for heads in judge.heads_of("real")] == ["foreground", "background"]


def test_losses_are_means_over_heads_and_regions(judge, rng):
    images = rng.uniform(-1, 1, (2, 2, 64, 64, 3)).astype("float32")
    masks = (rng.uniform(size=(2, 2, 64, 64, 1)) > 0.7).astype("float32")
    real, made = judge.look(list(images), list(masks), augment=False)
    foreground, background = judge.heads_of("real")
    losses_d, losses_g = [], []
    for heads, invert in ((foreground, False), (background, True)):
        logits = [heads.network(judge.features(x)) for x in images]
        for true, fake in zip(*logits, strict=True):
            terms = []
            for each, mask, sign in ((true, masks[0], -1), (fake, masks[1], 1)):
                each, cells = np.asarray(each), each.shape[1] + 3
                mask = 1 - mask if invert else mask
                side = 64 // cells
                small = mask.reshape(2, cells, side, cells, side).mean((2, 4))
                weight = np.stack(
                    [
                        [small[:, y : y + 4, x : x + 4].mean((1, 2)) for x in range(cells - 3)]
                        for y in range(cells - 3)
                    ]
                ).transpose(2, 0, 1)[..., None]
                terms.append((np.maximum(1 + sign * each, 0) * weight).sum() / weight.sum())
            losses_d.append(sum(terms))
            losses_g.append(-(each * weight).sum() / weight.sum())
    loss = float(judge.discriminator_loss("real", real, made, training=False))
    assert loss == pytest.approx(np.mean(losses_d), rel=1e-4)
    assert float(judge.generator_loss("real", made)) == pytest.approx(np.mean(losses_g), rel=1e-3)


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_masks_silence_one_region(judge, fill, rng):
    images = rng.uniform(-1, 1, (2, 1, 64, 64, 3)).astype("float32")
    masks = [np.full((1, 64, 64, 1), fill, "float32")] * 2
    views = judge.look(list(images), masks, augment=False)
    foreground, background = (
        float(h.discriminator_loss(*views, False)) for h in judge.heads_of("real")
    )
    silent, heard = (foreground, background) if fill == 0.0 else (background, foreground)
    assert silent == 0.0 and heard > 0.5


@pytest.mark.once
def test_small_grey_images_of_one_colour_are_judged(judge):
    image = np.zeros((1, 9, 70, 1), "float32")
    views = judge.look([image, image], [image, 1.0 + image], step=0)
    assert np.isfinite(float(judge.discriminator_loss("real", *views, training=True)))
    assert np.isfinite(float(judge.generator_loss("real", views[1])))


# ---- who leads


@pytest.mark.parametrize("balance", [1.5, "adaptive", None])
def test_balance_says_which_heads_move(toy_backbone, balance):
    judge = ProjectedJudge(toy_backbone(), width=8, balance=balance)
    (heads,) = judge.heads_of("real")
    losses, right = ops.convert_to_tensor([1.4, 1.6, 2.0]), ops.convert_to_tensor([0.9, 0.5, 0.9])
    moves = heads._moves(losses, right)
    if balance is None:
        assert moves is None
        return
    if balance != "adaptive":
        np.testing.assert_array_equal(np.asarray(moves), [False, True, True])
        return
    assert np.asarray(moves).all()  # nobody leads yet
    counts = np.asarray(moves).astype(int)
    for _ in range(200):
        counts += np.asarray(heads._moves(losses, right)).astype(int)
    np.testing.assert_array_equal(np.asarray(heads.lead), [201.0, 0.0, 201.0])
    # Expected 1 + 1/2 + ... + 1/201 = 5.9, deviation 2.1.
    assert counts[1] == 201 and counts[0] < 20 and counts[2] < 20


# ---- in training


@pytest.fixture(scope="module")
def shallow(shallow_cyclegans):
    """What is tested is the judge, not what it judges."""
    with shallow_cyclegans():
        yield


@pytest.fixture(scope="module")
def trained(shallow, toy_backbone):
    """fg/bg before and after two steps; one map, so that it compiles fast."""
    keras.utils.set_random_seed(0)
    model = CycleGANForegroundBackground(
        **TINY,
        discriminator="both",
        judge={"balance": "adaptive", "width": 8, "blur_steps": 3, "taps": 1},
        lambda_perceptual=1.0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "imagenet_backbone", toy_backbone)
        model.compile(run_eagerly=EAGER)
    before = {
        "frozen": values(model.judge.features.variables),
        "heads": values(model.judge.trainable_variables),
        "generator": values(model.generator_s2r.trainable_variables),
    }
    logs = [model.train_on_batch(batch(seed), return_dict=True) for seed in range(2)]
    return model, before, logs[-1]


def test_heads_and_generators_move_and_frozen_weights_stay(trained):
    model, before, logs = trained
    assert set(logs) == set(model.loss_weights)
    assert all(np.isfinite(value) for value in logs.values())
    names = {"projected_s2r", "projected_r2s", "perceptual", "discriminator_projected_real"}
    assert names < set(logs) and logs["perceptual"] > 0.0
    assert all(same(before["frozen"], values(model.judge.features.variables)))
    assert not any(same(before["generator"], values(model.generator_s2r.trainable_variables)))
    kernels = [v.ndim == 4 for v in model.judge.trainable_variables]
    still = same(before["heads"], values(model.judge.trainable_variables))
    assert not any(s for s, kernel in zip(still, kernels, strict=True) if kernel)
    assert set(model.players()) == {"generators", "discriminators", "judge"}
    assert all(player.clip_norm == 1.0 for player in model.players().values())
    assert model.players()["judge"].variables == model.judge.trainable_variables


@pytest.mark.once  # test_alternating does it on both
def test_a_saved_model_goes_on_exactly(trained, toy_backbone, tmp_path, monkeypatch):
    model, *_ = trained
    model.save(tmp_path / "model.keras")
    monkeypatch.setattr(judged, "imagenet_backbone", lambda: toy_backbone(seed=9))
    revived = keras.saving.load_model(tmp_path / "model.keras")
    assert all(same(values(model.variables), values(revived.variables)))
    for each in (model, revived):
        each.reset_metrics()
    logs = [m.train_on_batch(batch(7), return_dict=True) for m in (model, revived)]
    assert logs[0] == pytest.approx(logs[1], abs=1e-6)
    for a, b in zip(values(model.variables), values(revived.variables), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.once
def test_presets_hold_no_judge_and_loading_makes_none(trained, tmp_path, monkeypatch):
    import refinezoo

    model, *_ = trained

    def refuse():
        raise AssertionError("loading a refiner reads no backbone")

    monkeypatch.setattr(judged, "imagenet_backbone", refuse)
    model.save_to_preset(tmp_path / "preset")
    config = json.loads((tmp_path / "preset" / "config.json").read_text())["config"]
    assert config["discriminator"] == "both" and config["judge"]["balance"] == "adaptive"
    loaded = refinezoo.load(str(tmp_path / "preset"))
    assert loaded.judge is None
    image = batch()["real"]["image"]
    difference = loaded.refine(image).astype(int) - model.refine(image)
    assert np.abs(difference).max() <= 3


@pytest.mark.once
def test_evaluation_draws_nothing_and_moves_nothing(trained):
    model, *_ = trained
    before = values(model.judge.variables)
    logs = [model.test_on_batch(batch(3), return_dict=True) for _ in range(2)]
    assert all(same(before, values(model.judge.variables)))
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)


@pytest.mark.once
def test_gradients_reach_the_generator_through_frozen_features(shallow, toy_backbone):
    """Nothing but the judge teaches; heads that know too much do not move."""
    keras.utils.set_random_seed(0)
    model = CycleGAN(
        **TINY,
        residual=True,
        discriminator="projected",
        judge={"width": 8, "balance": 0.0, "taps": 1},
        backbone=toy_backbone(),
        lambda_cycle=0.0,
    )
    model.prepare_judge()
    (moving,), (still,) = model.judge.heads_of("real"), model.judge.heads_of("synthetic")
    still.balance = 100.0
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=EAGER)
    assert not hasattr(model, "discriminator_real")
    networks = (model.generator_s2r, moving.network, still.network)
    before = [values(network.trainable_variables) for network in networks]
    model.train_on_batch(batch())
    after = [values(network.trainable_variables) for network in networks]
    moved = [not all(same(a, b)) for a, b in zip(before, after, strict=True)]
    assert moved == [True, True, False]


@pytest.mark.tensorflow  # eager; the trainer's conditional turns are tested on both
@pytest.mark.parametrize("channels", [1, 3])
def test_simgan_with_its_history(toy_backbone, channels):
    keras.utils.set_random_seed(0)
    model = SimGAN(
        image_size=32,
        width=4,
        blocks=1,
        discriminator_width=6,
        channels=channels,
        discriminator="projected" if channels == 3 else "both",
        judge={"width": 8, "taps": 1},
        backbone=toy_backbone(),
        pretrain_refiner=0,
        pretrain_discriminator=0,
        refiner_moves=1,
        pool_size=4,
    )
    model.compile(run_eagerly=True)
    heads = values(model.judge.trainable_variables)
    logs = model.train_on_batch(batch(), return_dict=True)
    assert set(logs) == set(model.loss_weights) and "projected" in logs
    assert ("l_real" in logs) == (channels == 1)
    assert not all(same(heads, values(model.judge.trainable_variables)))


# ---- what it refuses


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"discriminator": "projekted"}, "Did you mean 'projected'"),
        ({"discriminator": "both", "judge": {"tap": 2}}, "Did you mean 'taps'"),
        ({"discriminator": "both", "judge": {"regions": True}}, "judge setting"),
    ],
)
def test_unknown_choices_are_named(settings, message):
    with pytest.raises(RefinezooError, match=message):
        CycleGAN(**TINY, **settings)


@pytest.mark.once
@pytest.mark.parametrize("wrong", [{"balance": "even"}, {"width": 12}, {"taps": 5}])
def test_impossible_judges_are_named(toy_backbone, wrong):
    with pytest.raises(RefinezooError, match="expected"):
        ProjectedJudge(toy_backbone(), **wrong)


@pytest.mark.once
def test_a_damaged_backbone_is_told_before_anything_trains(tmp_path, monkeypatch):
    import refinezoo
    from refinezoo.zoo import info

    name, root = "efficientnet_lite0_imagenet", Path(refinezoo.__file__).parents[1] / "zoo_configs"
    file = info(name)["weights"]["file"]
    shutil.copy(root / f"{name}.yaml", tmp_path)
    (tmp_path / "weights").mkdir()
    content = (root / "weights" / file).read_bytes()
    (tmp_path / "weights" / file).write_bytes(content[:-1000])
    load = functools.partial(refinezoo.load, root=tmp_path)
    monkeypatch.setattr(refinezoo, "load", load, raising=False)
    model = CycleGAN(**TINY, discriminator="both")
    with pytest.raises(
        RefinezooError, match="not the file that was released.*truncated or changed"
    ):
        model.compile()
