"""A pose tower's pseudo-labels: views with class and rotation, of whose class it is sure."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.images import read_sized
from refinezoo.data.pose_files import write_pose_folder
from refinezoo.files import atomic_folder
from refinezoo.tasks.pseudo_labels import check_kept


def sure_views(
    tower: Any,
    answers: Callable[[np.ndarray], dict[str, np.ndarray]],
    files: Sequence[Path],
    out: Path,
    score_threshold: float,
) -> dict[str, Any]:
    """Writes a folder of views, as `read_pose_folder` reads them, at the tower's size.

    Args:
        tower: with `class_names` and `image_size`.
        answers: its `probability` and `quaternion` of images `[N, S, S, 3]`.
        files: photos of an object each, of any size.
        out: the folder to write.
        score_threshold: least probability of the class, in (0, 1]; the rotation has no score.

    Returns:
        `photos` (how many were looked at), `kept`, and `images`: {class name: how many}.

    Raises:
        RefinezooError: nothing that is sure.
    """
    images = np.stack([read_sized(file, tower.image_size) for file in files])
    found = answers(images)
    labels = found["probability"].argmax(axis=-1)
    sure = found["probability"].max(axis=-1) >= score_threshold
    check_kept(int(sure.sum()), len(files), "tower", score_threshold)
    views = {"image": images, "label": labels, "quaternion": found["quaternion"]}
    views = {key: values[sure] for key, values in views.items()}
    with atomic_folder(out) as folder:
        write_pose_folder(folder, views, tower.class_names)
    counts = Counter(tower.class_names[label] for label in views["label"])
    return {"photos": len(files), "kept": int(sure.sum()), "images": dict(counts)}
