"""What a run of `refine_dataset` reports."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        out: the refined dataset.
        layout: how the dataset was recognised, e.g. `"coco"`.
        images: renders found.
        refined, blended, flagged: taken as refined; taken at lower strength; taken in spite of a
            low score.
        dropped: renders whose refinement the gate refused; their source file took its place.
        failed: per file that could not be read, why; it is not in `out`.
        resumed: images that an earlier run had finished.
        carried: other files, copied byte for byte.
        orphans: files of earlier runs whose source is gone.
        pruned: whether those were deleted.
        conversions: how many renders had each conversion (grey to RGB, 16-bit to 8-bit, ...).
        mean_score: of the gate; None without one.
        flicker, render_flicker: mean over the frames of sequences, grey levels; None without.
        seconds: of this run.
        manifest: path of the manifest.
        page: of the renders beside what became of them; None where none was asked for.
    """

    out: Path
    layout: str
    images: int
    refined: int
    blended: int
    flagged: int
    dropped: list[str]
    failed: dict[str, str]
    resumed: int
    carried: int
    orphans: list[str]
    pruned: bool
    conversions: dict[str, int]
    mean_score: float | None
    seconds: float
    manifest: Path
    flicker: float | None = None
    render_flicker: float | None = None
    page: Path | None = None

    def __str__(self) -> str:
        parts = [f"{self.refined} of {self.images} images refined"]
        counts = {"blended": self.blended, "flagged": self.flagged, "dropped": len(self.dropped)}
        counts |= {"failed": len(self.failed), "resumed": self.resumed}
        parts += [f"{count} {name}" for name, count in counts.items() if count]
        parts.append(f"{self.carried} files carried over")
        if self.orphans:
            done = "deleted" if self.pruned else "left (--prune deletes them)"
            parts.append(f"{len(self.orphans)} files whose source is gone {done}")
        score = "" if self.mean_score is None else f", mean gate score {self.mean_score:.2f}"
        if self.flicker is not None:
            score += f", flicker {self.flicker:.1f} levels (renders {self.render_flicker:.1f})"
        shown = "" if self.page is None else f", shown in {self.page}"
        return f"{', '.join(parts)}{score} -> {self.out} ({self.seconds:.0f} s){shown}"
