"""The steps one render goes through: read, refine in a batch (`batching`), judge, encode."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.formats import Layout
from refinezoo.data.images import ImageFile, check_writable, encode_image, read_image_file
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256
from refinezoo.refinement.gate import Gate, blend
from refinezoo.refinement.job import Job, worded
from refinezoo.refinement.labels import MASKS, read_boxes, read_foreground_mask, read_render_depth
from refinezoo.refinement.manifest import is_done
from refinezoo.refinement.over import read_over
from refinezoo.refinement.sequence import Clips, clip_of

Strength = float | tuple[float, float]


@dataclass
class Run:
    """What stays the same over the images of one `refine_dataset`; workers get it pickled.

    Attributes:
        layout: the source.
        refiner: as `refine_dataset` takes it.
        strength: one, or (foreground, background).
        seed: of refiners that draw.
        gate: or None.
        out: folder of the refined images; None where none are written.
        known: rows that earlier runs with the same settings left.
        common: columns that every row has.
        resize_masks: bring masks of another size to their render's.
        sequence: the renders are frames of clips.
        over: dataset whose images the refinement is blended with; None is the renders themselves.
        renders_under: SHA-256 of the renders of which those were made, where that is known.
    """

    layout: Layout
    refiner: Any
    strength: Strength = 1.0
    seed: int = 0
    gate: Gate | None = None
    out: Path | None = None
    known: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    common: dict[str, Any] = field(default_factory=dict)
    resize_masks: bool = False
    sequence: bool = False
    over: Path | None = None
    renders_under: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_depth(self) -> bool:
        """The refiner sees depth."""
        return bool(getattr(self.refiner, "use_depth", False))

    @property
    def needs_mask(self) -> bool:
        """The refiner sees the foreground mask."""
        return bool(getattr(self.refiner, "use_mask", False))

    @cached_property
    def clips(self) -> Clips | None:
        """That the renders are frames of; None where they are no sequences."""
        return Clips(self.layout, lambda name: self.image(name).rgb) if self.sequence else None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "clips"}

    def read(self, name: str) -> Job:
        """Reads a render, and its foreground mask and depth where they are used."""
        path = self.layout.root / name
        split = isinstance(self.strength, tuple)
        try:
            job = Job(name, sha256(path), self._labels_sha256(name))
        except OSError as error:
            return Job(name, "", error=f"{name} cannot be read: {error.strerror}")
        if self.renders_under.get(name, job.source_sha256) != job.source_sha256:
            job.error = (
                f"{name}: expected in {str(self.over)!r} a refinement of this render, to paint "
                "over, received one of another. Refine this dataset into that folder."
            )
            return job
        if self.out is not None:
            found = self.known.get(name)
            job.done = is_done(found, self.out / name, job.source_sha256, job.labels_sha256)
            if job.done:
                return job
        try:
            job.render = self.image(name)
            height, width = job.rgb.shape[:2]
            if self.gate or split or self.needs_mask:
                job.mask = read_foreground_mask(
                    self.layout, name, width, height, resize=self.resize_masks
                )
            if self.over is not None:
                job.over = read_over(self.over, self.layout, name, width, height)
            if self.needs_depth:
                job.depth_m = read_render_depth(self.layout, name, width, height)
            if split and job.mask is None:
                raise RefinezooError(
                    f"strength=(foreground, background) needs a foreground mask, {name} has none. "
                    "Expected foreground_masks/ beside images/; or give one strength."
                )
            if self.needs_mask and job.mask is None:
                raise RefinezooError(
                    f"expected a foreground mask beside {name} for a refiner that takes them, "
                    "received none. Put foreground_masks/NAME.png (white on the objects) beside "
                    "images/."
                )
        except Exception as error:  # decoders pass on whatever a broken file leads them to
            job.error = worded(name, error)
        return job

    def refine_each(self, jobs: Sequence[Job]) -> list[np.ndarray | None]:
        """As `refine_batch`; where a batch fails, its images one by one, None for one that fails.

        What fails is noted in the job, so that the others are finished before anyone is told.
        """
        if jobs[0].error:
            return [None] * len(jobs)
        try:
            return [*self.refine_batch(jobs)]
        except Exception as error:  # a network raises whatever its backend does
            if len(jobs) == 1:
                jobs[0].error = worded(jobs[0].name, error)
                return [None]
            return [self.refine_each([job])[0] for job in jobs]

    def refine_batch(self, jobs: Sequence[Job]) -> list[np.ndarray]:
        """The refined images of jobs of one size, at the strength asked for."""
        images = np.stack([job.rgb for job in jobs])
        refined = np.asarray(self._refined(images, jobs))
        if refined.shape != images.shape or refined.dtype != np.uint8:
            raise RefinezooError(
                f"expected the refiner to return uint8 {images.shape} for {jobs[0].name}, received "
                f"{refined.dtype} {refined.shape}. Labels stay true only if the size stays."
            )
        return [
            blend(job.under, image, self._strength_map(job))
            for job, image in zip(jobs, refined, strict=True)
        ]

    def _refined(self, images: np.ndarray, jobs: Sequence[Job]) -> np.ndarray:
        """At full strength, with the depth, mask or clip that the refiner sees."""
        if self.needs_mask:
            masks = np.stack([job.mask for job in jobs if job.mask is not None])[..., None]
            return self.refiner.refine(images, seed=self.seed, foreground_mask=masks)
        if self.clips and hasattr(self.refiner, "refine_frames"):
            clip = self.clips.reference(clip_of(jobs[0].name))
            return self.refiner.refine_frames(images, clip, seed=self.seed)
        if self.needs_depth:
            depth_m = np.stack([job.depth_m for job in jobs if job.depth_m is not None])
            return self.refiner.refine_rgbd(images, depth_m, seed=self.seed)[0]
        return self.refiner.refine(images, strength=1.0, seed=self.seed)

    def ask_teacher(self, jobs: Sequence[Job], refined: Sequence[np.ndarray | None]) -> None:
        """Notes in each job how much of the labels the gate's teacher, if any, finds again."""
        if self.gate is not None and self.gate.teacher is not None:
            self.gate.teacher.ask(self.layout, jobs, refined)

    def judge(self, job: Job, refined: np.ndarray | None) -> tuple[bytes | None, dict[str, Any]]:
        """The file to write for a refined image, and its row but for the file's hash.

        No file for an image that failed before, or fails here, as where its labels are odd.
        """
        try:
            if refined is not None and not job.error:
                return self._judged(job, refined)
        except Exception as error:
            job.error = worded(job.name, error)
        return None, self.failure(job)

    def _judged(self, job: Job, refined: np.ndarray) -> tuple[bytes, dict[str, Any]]:
        row, share, action = self._row(job), 1.0, "refined"
        height, width = refined.shape[:2]
        if self.gate is not None:
            boxes = read_boxes(self.layout, job.name, width, height)
            verdict, share, score = self.gate.judge(job.rgb, refined, boxes, job.mask, job.under)
            teacher = self.gate.teacher
            if teacher is not None and job.kept is not None and job.kept < teacher.agreement:
                verdict, share = ("flag", 1.0) if self.gate.action == "keep" else ("drop", 0.0)
            action = {"blend": "blended", "drop": "dropped", "flag": "flagged"}.get(verdict, action)
            row["gate"] = {"verdict": verdict, **score.row()}
            if self.gate.calibration is not None:
                row["gate"]["rarity"] = round(self.gate.calibration.rarity(score), 4)
            if job.kept is not None:
                row["gate"]["teacher"] = round(job.kept, 4)
        row |= {"action": action, "size": [width, height], "strength": self._scaled(share)}
        if action == "dropped":
            return (self.layout.root / job.name).read_bytes(), row | {"conversions": []}
        pixels = refined if share == 1.0 else blend(job.under, refined, share)
        conversions = list(job.render.conversions) if job.render else []
        if job.render and job.render.alpha is not None:
            conversions.append("alpha carried unchanged")
        return self._encoded(job, pixels), row | {"conversions": conversions}

    def image(self, name: str) -> ImageFile:
        """A render's pixels, in the orientation that its labels fit.

        Raises:
            RefinezooError: unreadable, of another size than its annotations say, or of a format
                that cannot be written back.
        """
        size = self.layout.size(name)
        image = read_image_file(self.layout.root / name, size)
        height, width = image.rgb.shape[:2]
        if size and self.layout.size_is_stated(name) and size != (width, height):
            raise RefinezooError(
                f"{name}: expected {size[0]} x {size[1]} pixels as its annotations say, received "
                f"{width} x {height}. Labels would not fit; restore the image or correct them."
            )
        check_writable(Path(name).suffix or image.format)
        return image

    def _encoded(self, job: Job, pixels: np.ndarray) -> bytes:
        if job.render is None:
            raise RuntimeError(f"{job.name} was not read")
        if job.render.alpha is not None:
            pixels = np.dstack([pixels, job.render.alpha])
        return encode_image(pixels, Path(job.name).suffix or job.render.format)

    def failure(self, job: Job) -> dict[str, Any]:
        """The row of an image that could not be read."""
        return {**self._row(job), "action": "failed", "error": job.error}

    def _row(self, job: Job) -> dict[str, Any]:
        row = {"file": job.name, "source_sha256": job.source_sha256, **self.common}
        return row if job.labels_sha256 is None else row | {"labels_sha256": job.labels_sha256}

    def _labels_sha256(self, name: str) -> str | None:
        """Of all labels that an output depends on; None where it depends on none."""
        split, used = isinstance(self.strength, tuple), dict[str, Any]()
        if size := self.layout.size(name):
            used["size"] = size
        if self.clips:
            used["clip"] = self.clips.fingerprint(clip_of(name))
        if self.gate:
            used["boxes"] = self.layout.format.boxes(self.layout, name, 1, 1)
        if self.over is not None and (self.over / name).is_file():
            used["over"] = sha256(self.over / name)
        kinds = MASKS if self.gate or split or self.needs_mask else ()
        for kind in (*kinds, *(["depth"] if self.needs_depth else [])):
            if (file := self.layout.label(kind, name)) is not None:
                used[kind] = sha256(file)
        return hashlib.sha256(json.dumps(used).encode()).hexdigest() if used else None

    def _strength_map(self, job: Job) -> float | np.ndarray:
        if isinstance(self.strength, float) or job.mask is None:
            return self.strength if isinstance(self.strength, float) else self.strength[1]
        foreground, background = self.strength
        return (background + (foreground - background) * job.mask[..., None]).astype(np.float32)

    def _scaled(self, share: float) -> float | list[float]:
        if isinstance(self.strength, float):
            return round(self.strength * share, 6)
        return [round(part * share, 6) for part in self.strength]
