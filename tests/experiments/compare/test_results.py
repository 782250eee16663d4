import pytest

from refinezoo.experiments.compare.results import (
    Gain,
    cell,
    class_means,
    gains,
    markdown_table,
    rows,
)

SCORES = {
    "synthetic": {0: {"AP50": 0.10}, 1: {"AP50": 0.12}, 2: {"AP50": 0.11}},
    "refined": {0: {"AP50": 0.30}, 1: {"AP50": 0.33}, 2: {"AP50": 0.30}},
    "real": {},
}


def test_rows_hold_one_value_per_seed_and_skip_what_was_not_measured():
    assert rows("ssd", list(SCORES), ["AP50"], SCORES) == [
        {"model": "ssd", "arm": "synthetic", "metric": "AP50", "values": [0.10, 0.12, 0.11]},
        {"model": "ssd", "arm": "refined", "metric": "AP50", "values": [0.30, 0.33, 0.30]},
    ]


def test_classes_have_means_over_the_seeds_that_saw_them_and_the_worst_comes_first():
    of_classes = {
        "synthetic": {0: {"car": 0.4, "pole": 0.1}, 1: {"car": 0.6}},
        "real": {0: {"car": 0.7}},
        "not yet": {},
    }
    found = class_means(of_classes)
    assert list(found) == ["pole", "car"]
    assert found["pole"] == {"synthetic": 0.1}
    assert found["car"] == {"synthetic": pytest.approx(0.5), "real": 0.7}


def test_gain_is_paired_by_seed_with_a_t_interval():
    (gain,) = gains(None, list(SCORES), ["AP50"], SCORES)
    assert (gain.arm, gain.against) == ("refined", "synthetic")
    assert gain.mean == pytest.approx(0.2)
    # differences 0.20, 0.21, 0.19: std 0.01, half width 4.303 * 0.01 / sqrt(3)
    assert gain.interval == pytest.approx((0.2 - 0.02484, 0.2 + 0.02484), abs=1e-4)
    assert "better, beyond" in gain.sentence()


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ((0.1,), "one seed"),
        ((0.1, 0.01, 0.02), "do not settle it"),
        ((0.1, -0.1, 0.02), "no difference shown"),
        ((-0.20, -0.21, -0.19), "worse, beyond"),
        ((-0.1, -0.01, -0.02), "worse with every seed"),
    ],
)
def test_sentences_claim_no_more_than_the_seeds(differences, words):
    assert words in Gain("a", "b", "AP", differences).sentence()


def test_less_is_better_where_the_task_says_so():
    scores = {"x": {0: {"rmse": 0.3}, 1: {"rmse": 0.4}}, "y": {0: {"rmse": 0.1}, 1: {"rmse": 0.2}}}
    (gain,) = gains([("y", "x")], ["x", "y"], ["rmse"], scores, lower=("rmse",))
    assert gain.mean == pytest.approx(-0.2) and "better, beyond" in gain.sentence()
    assert "worse, beyond" in Gain("a", "b", "rmse", (0.2, 0.21), lower=True).sentence()


def test_gains_compare_with_the_first_arm_when_the_usual_names_are_absent():
    scores = {"x": {0: {"AP": 0.1}}, "y": {0: {"AP": 0.2}, 1: {"AP": 0.3}}}
    (gain,) = gains(None, ["x", "y"], ["AP"], scores)
    assert (gain.arm, gain.against, gain.differences) == ("y", "x", pytest.approx((0.1,)))


def test_table_names_mean_spread_and_seeds():
    assert "| ssd | synthetic | 0.110 ± 0.010 (0.100, 0.120, 0.110) |" in markdown_table(
        "ssd", list(SCORES), ["AP50"], SCORES
    )
    assert cell([]) == "not measured"
    assert cell([0.5]) == "0.500"
