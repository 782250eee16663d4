"""Whether an exported file predicts what its Keras model predicts, of whatever kind."""

import numpy as np

# How far an answer may be from Keras': levels, then metres, probabilities and unit quaternions.
LIMITS = {"refined": 1}


def answers(model, image):
    """What `predict` gives of one image, by the names of the model's kind."""
    answer = model.predict(image[None], verbose=0)
    if not isinstance(answer, dict):
        answer = {next(iter(model.kind.outputs)): answer}
    return {name: np.asarray(rows)[0] for name, rows in answer.items()}


def assert_same(wanted, given, limit=1e-4):
    """Equal but for rounding."""
    assert set(wanted) == set(given)
    for key, value in wanted.items():
        assert given[key].shape == value.shape and given[key].dtype == value.dtype, key
    if "boxes" in wanted:
        return assert_same_boxes(wanted, given)
    for key, value in wanted.items():
        if key == "class_ids":
            assert (given[key] != value).mean() < 0.005  # ties
            continue
        limits = {"atol": LIMITS.get(key, limit), "rtol": 1e-4}
        np.testing.assert_allclose(given[key].astype("f8"), value, **limits, err_msg=key)


def assert_same_boxes(wanted, given):
    """Equal but for near-ties: which of two boxes suppression keeps may hang on the last bit."""
    count = wanted["count"]
    assert count == given["count"] >= 1
    same = 0
    for box, score, label in zip(
        *(wanted[k][:count] for k in ("boxes", "scores", "classes")), strict=True
    ):
        near = np.abs(given["boxes"][:count] - box).max(-1) < 0.02
        near &= np.abs(given["scores"][:count] - score) < 1e-4
        same += bool((near & (given["classes"][:count] == label)).any())
    assert same >= 0.8 * count
