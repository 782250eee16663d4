"""Does the label-preservation gate see what a refiner must not do? Errors put in on purpose.

    python benchmarks/gate_injection.py --seed 1

Scenes of packaged products and streets are refined by the zoo's refiners. Into each refined image
one error is put, in one labelled object: erased (inpainted), moved (by half its size or more),
recoloured (hue turned by 90 to 180 degrees), flipped (mirrored), or hallucinated (an object of
another scene where nothing is labelled). Thresholds are set on half of the scenes, where 5 % of the
untouched refined images fall below them, and measured on the other half; the mean over 20 such
halvings. Of each set, refiner and kind the share of errors that fall below, for four statistics:

- `score`: what `Gate` decides by without a calibration;
- `rarity`: what it decides by with one (`refinezoo gate`): the rarest of all parts of the score;
- `teacher`: how much of its answer a task model of the zoo gives again (`Teacher`);
- `both`: rarity and teacher, each at half of the false alarms.

The rarity was chosen among about eight statistics on the scenes of seed 0: measure with another.
Writes benchmarks/results/gate_injection.json.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle_tools

from refinezoo import load
from refinezoo.data import read_image
from refinezoo.files import ASSETS, write_json
from refinezoo.refinement import Calibration, Gate, GateScore, Teacher
from refinezoo.refinement.score import Scorer
from refinezoo.scenes.compose import compose_scenes
from refinezoo.scenes.street import render_street

RESULTS = Path(__file__).parent / "results" / "gate_injection.json"
REFINERS = {
    "fridge": ["reinhard", "colour_transport", "fda", "cyclegan_fgbg"],
    "street": ["reinhard", "fda"],
}
TEACHERS = {"fridge": "pvanet_fridge", "street": "deeplab_v2_street"}
KINDS = ["erased", "moved", "recoloured", "flipped", "hallucinated"]
FALSE_ALARMS = 0.05
HALVINGS = 20
LEAST_AREA = 0.006  # of the image: an object that an error is put in


class Scene:
    """A render, its labelled boxes and the masks of its objects."""

    def __init__(self, folder: Path, image: dict, rows: list[dict]):
        self.image = read_image(folder / "images" / image["file_name"])
        height, width = self.image.shape[:2]
        x, y, w, h = np.array([row["bbox"] for row in rows], float).reshape(-1, 4).T
        self.boxes = np.stack([x, y, x + w, y + h], axis=1)
        self.masks = [rle_tools.decode(row["segmentation"]).astype(bool) for row in rows]
        self.large = [
            k for k, mask in enumerate(self.masks) if mask.sum() >= LEAST_AREA * height * width
        ]
        self.foreground = np.any(self.masks, axis=0) if rows else np.zeros((height, width), bool)


def scenes(name: str, count: int, folder: Path, seed: int) -> list[Scene]:
    """Scenes with at least one object that is large enough."""
    if not (folder / "annotations.json").is_file():
        if name == "fridge":
            compose_scenes(ASSETS / "products", folder, count, image_size=128, seed=77 + seed)
        else:
            render_street(folder, count, image_size=(120, 160), seed=77 + seed)
    document = json.loads((folder / "annotations.json").read_text())
    rows: dict[int, list[dict]] = {image["id"]: [] for image in document["images"]}
    for row in document["annotations"]:
        if not row["iscrowd"] and row["bbox"][2] >= 4 and row["bbox"][3] >= 4:
            rows[row["image_id"]].append(row)
    found = [Scene(folder, image, rows[image["id"]]) for image in document["images"]]
    return [scene for scene in found if scene.large]


def erased(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image without the object."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.inpaint(image, wide, 3, cv2.INPAINT_TELEA)


def pasted(
    image: np.ndarray,
    other: np.ndarray,
    mask: np.ndarray,
    draw: np.random.Generator,
    free: Callable,
) -> np.ndarray | None:
    """The object of another image laid over this one where `free` allows; None: nowhere."""
    height, width = mask.shape
    for _ in range(200):
        down, right = draw.integers(-height, height), draw.integers(-width, width)
        there = np.zeros_like(mask)
        ys, xs = np.nonzero(mask)
        inside = (0 <= ys + down) & (ys + down < height) & (0 <= xs + right) & (xs + right < width)
        if inside.mean() < 0.9:
            continue
        ys, xs = ys[inside], xs[inside]
        there[ys + down, xs + right] = True
        if free(there, down, right):
            out = image.copy()
            out[ys + down, xs + right] = other[ys, xs]
            return out
    return None


def moved(image: np.ndarray, mask: np.ndarray, draw: np.random.Generator) -> np.ndarray | None:
    """The object somewhere else by half its size or more."""
    ys, xs = np.nonzero(mask)
    half = 0.5 * np.hypot(np.ptp(ys) + 1, np.ptp(xs) + 1)
    return pasted(
        erased(image, mask),
        image,
        mask,
        draw,
        lambda there, down, right: half <= np.hypot(down, right) <= 3 * half,
    )


def recoloured(image: np.ndarray, mask: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The object in another hue; greys become coloured."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(int)
    hsv[mask, 0] = (hsv[mask, 0] + draw.integers(45, 91)) % 180  # steps of 2 degrees
    hsv[mask, 1] = np.maximum(hsv[mask, 1], 90)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)


def flipped(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object's box mirrored."""
    ys, xs = np.nonzero(mask)
    at = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    out = image.copy()
    out[at] = image[at][:, ::-1]
    return out


def injected(
    kind: str, refined: list[np.ndarray], all_scenes: list[Scene], place: int, seed: int
) -> np.ndarray | None:
    """A refined image with one error in it; None where there is no room for it."""
    draw = np.random.default_rng([seed, place, KINDS.index(kind)])
    scene, image = all_scenes[place], refined[place]
    mask = scene.masks[draw.choice(scene.large)]
    if kind == "hallucinated":
        donor = int((place + 1 + draw.integers(len(all_scenes) - 1)) % len(all_scenes))
        mask = all_scenes[donor].masks[draw.choice(all_scenes[donor].large)]
        return pasted(
            image,
            refined[donor],
            mask,
            draw,
            lambda there, down, right: (there & scene.foreground).sum() <= 0.1 * there.sum(),
        )
    if kind in ("erased", "flipped"):
        return {"erased": erased, "flipped": flipped}[kind](image, mask)
    return {"moved": moved, "recoloured": recoloured}[kind](image, mask, draw)


Judged = tuple[GateScore, float]  # the score, and how much the teacher sees again


def judges(clean: list[Judged]) -> dict[str, Callable[[Judged], bool]]:
    """What passes, by each statistic, thresholds set on untouched images."""
    scores, kept = [score for score, _ in clean], [share for _, share in clean]

    def lowest(values: list[float], false_alarms: float = FALSE_ALARMS) -> float:
        return float(np.quantile(values, false_alarms, method="weibull"))

    plain = Gate(keep=lowest([score.score for score in scores]), drop=0.0)
    rare, half = (
        Gate(calibration=Calibration.of(scores, alarms))
        for alarms in (FALSE_ALARMS, FALSE_ALARMS / 2)
    )
    least, less = lowest(kept), lowest(kept, FALSE_ALARMS / 2)
    return {
        "score": lambda judged: plain.passes(judged[0]),
        "rarity": lambda judged: rare.passes(judged[0]),
        "teacher": lambda judged: judged[1] >= least,
        "both": lambda judged: half.passes(judged[0]) and judged[1] >= less,
    }


def detection(clean: list[Judged], errors: dict[str, dict[int, Judged]]) -> dict:
    """Detection rates on one half of the scenes at thresholds of the other, mean of `HALVINGS`."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(HALVINGS):
        order = np.random.default_rng(seed).permutation(len(clean))
        known, others = order[: len(clean) // 2], order[len(clean) // 2 :]
        for name, passes in judges([clean[k] for k in known]).items():
            row = {"false_alarms": 1 - float(np.mean([passes(clean[k]) for k in others]))}
            for kind, judged in errors.items():
                row[kind] = 1 - float(np.mean([passes(judged[k]) for k in others if k in judged]))
            row["all"] = float(np.mean([row[kind] for kind in errors]))
            for key, value in row.items():
                found.setdefault(name, {}).setdefault(key, []).append(value)
    return {
        name: {key: round(float(np.mean(values)), 3) for key, values in row.items()}
        for name, row in found.items()
    }


def judged(
    images: dict[int, np.ndarray], known: list[Scene], teacher: Teacher
) -> dict[int, Judged]:
    """Both judgements of refined images by the place of their scene."""
    places = list(images)
    found: dict[int, Judged] = {}
    for start in range(0, len(places), 8):
        batch = places[start : start + 8]
        kept = teacher.kept(
            [known[k].image for k in batch],
            [images[k] for k in batch],
            [known[k].boxes for k in batch],
        )
        for k, share in zip(batch, kept, strict=True):
            scene = known[k]
            scorer = Scorer(scene.image, scene.boxes, scene.foreground)
            found[k] = scorer.score(images[k]), share
    return found


def main() -> None:
    """Measures all sets and refiners and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="scenes of each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/gate_injection"))
    options = parser.parse_args()
    report = {
        "count": options.count,
        "seed": options.seed,
        "false_alarms": FALSE_ALARMS,
        "sets": {},
    }
    for name, refiners in REFINERS.items():
        folder = options.out / f"{name}_{options.seed}"
        known = scenes(name, options.count, folder, options.seed)
        teacher = Teacher(load(TEACHERS[name]))
        report["sets"][name] = {"scenes": len(known), "teacher": TEACHERS[name], "refiners": {}}
        for refiner in refiners:
            model = load(refiner)
            refined = []
            for start in range(0, len(known), 8):
                batch = np.stack([scene.image for scene in known[start : start + 8]])
                refined += list(np.asarray(model.refine(batch, seed=options.seed)))
            clean = judged(dict(enumerate(refined)), known, teacher)
            errors: dict[str, dict[int, Judged]] = {}
            for kind in KINDS:
                made = {
                    place: injected(kind, refined, known, place, options.seed)
                    for place in range(len(known))
                }
                there = {place: image for place, image in made.items() if image is not None}
                errors[kind] = judged(there, known, teacher)
            row = detection(list(clean.values()), errors)
            counts = {kind: len(scores) for kind, scores in errors.items()}
            report["sets"][name]["refiners"][refiner] = {"errors": counts, **row}
            print(name, refiner, {key: value["all"] for key, value in row.items()}, flush=True)
            write_json(options.out / "gate_injection.json", report)
    write_json(RESULTS, report)


if __name__ == "__main__":
    main()
