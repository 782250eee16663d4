"""What a run of `refine_dataset` reports."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass
class Tally:
    """Counts over the rows of a manifest; what they are: `Summary`."""

    images: int = 0
    refined: int = 0
    blended: int = 0
    flagged: int = 0
    dropped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    conversions: dict[str, int] = field(default_factory=dict)
    mean_score: float | None = None
    flicker: float | None = None
    render_flicker: float | None = None


def tally(rows: Iterable[dict[str, Any]]) -> Tally:
    """Counts rows, one at a time."""
    found, actions, conversions = Tally(), Counter[str](), Counter[str]()
    sums, counts = Counter[str](), Counter[str]()
    for row in rows:
        actions[row["action"]] += 1
        conversions.update(row.get("conversions", ()))
        if row["action"] == "dropped":
            found.dropped.append(row["file"])
        if row["action"] == "failed":
            found.failed[row["file"]] = row["error"]
        measured = {"score": row["gate"]["score"]} if "gate" in row else {}
        for key, value in (measured | row.get("flicker", {})).items():
            sums[key] += value
            counts[key] += 1
    means = {key: sums[key] / counts[key] for key in counts}
    found.images, found.conversions = actions.total(), dict(conversions)
    found.refined, found.blended, found.flagged = (
        actions[name] for name in ("refined", "blended", "flagged")
    )
    found.mean_score = means.get("score")
    found.flicker, found.render_flicker = means.get("refined"), means.get("render")
    return found


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        out: the refined dataset; folder or URL.
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
        manifest: path of the manifest; of a part's journal, where the run was one of several.
        part: `"3-of-8"` where it was; else empty.
        page: of the renders beside what became of them; None where none was asked for.
    """

    out: Path | str
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
    manifest: Path | str
    flicker: float | None = None
    render_flicker: float | None = None
    page: Path | str | None = None
    part: str = ""

    def moved(self, here: Path, url: str) -> "Summary":
        """As it is to be read once what was staged `here` lies at a URL."""

        def there(path: Path | str) -> str:
            return f"{url.rstrip('/')}/{Path(path).relative_to(here).as_posix()}".removesuffix("/.")

        page = None if self.page is None else there(self.page)
        return replace(self, out=there(self.out), manifest=there(self.manifest), page=page)

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
        if self.part:
            shown = (
                f"\npart {self.part.replace('-of-', ' of ')} is done. When all are, run the same "
                "command without --shard: it writes the manifest"
            )
        return f"{', '.join(parts)}{score} -> {self.out} ({self.seconds:.0f} s){shown}"
