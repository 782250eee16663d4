"""The datasets that are merged: which images of each, under which class names, made by what."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.config import read_json
from refinezoo.data.coco import load_with_rows
from refinezoo.data.coco_images import dataset_root
from refinezoo.data.coco_rows import CocoFile
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import sha256
from refinezoo.paths import plain_name

_MOST_BYTES = 1 << 30  # of a manifest
_MADE_BY = ("model", "strength", "gate", "seed", "version")


@dataclass
class Source:
    """A dataset, and the images that are taken of it.

    Attributes:
        name: of the source, a plain word.
        path: of its folder.
        root: of its images.
        coco: its rows.
        files: the image of each image id.
        taken: ids of the images that are taken, all at first.
    """

    name: str
    path: Path
    root: Path
    coco: CocoFile
    files: dict[Any, Path]
    taken: list[Any]

    def target(self, number: Any) -> str:
        """The path of an image in the merged set."""
        return f"images/{self.name}/{self.files[number].relative_to(self.root).as_posix()}"


def open_source(name: str, path: str | os.PathLike) -> Source:
    """A dataset with boxes under the name of a source.

    Raises:
        RefinezooError: a name that is no plain word, or no boxes.
    """
    plain_name(name, "name of a source")
    dataset, coco, files = load_with_rows(path)
    where = Path(path) if Path(path).is_dir() else dataset_root(Path(path))
    root = where
    if all(file.is_relative_to(root / "images") for file in files.values()):
        root = where / "images"
    for record in dataset.records:
        coco.images[record.id] |= {"width": record.width, "height": record.height}
    return Source(name, where, root, coco, files, list(coco.images))


def class_names(
    sources: Sequence[Source], classes: Mapping[str, str | None], union: bool
) -> list[dict[Any, str]]:
    """Per source the new name of each category id; args as `merge_datasets`.

    Raises:
        RefinezooError: a class that none has, or, without `union`, one that some lack.
    """
    old = {name for source in sources for name in source.coco.categories.values()}
    for name in classes:
        if name not in old:
            raise RefinezooError(
                f"expected classes of the datasets ({', '.join(sorted(old)[:10])}), received "
                f"{name!r}.{did_you_mean(name, old)}"
            )
    mapped = []
    for source in sources:
        new = {key: classes.get(name, name) for key, name in source.coco.categories.items()}
        mapped.append({key: name for key, name in new.items() if name})
    every = set().union(*(names.values() for names in mapped))
    for source, names in zip(sources, mapped, strict=True):
        if (lacking := sorted(every - set(names.values()))) and not union:
            raise RefinezooError(
                f"expected the same classes in all datasets, but {source.name} lacks "
                f"{', '.join(lacking[:5])}: its objects would be background there."
                f"{did_you_mean(lacking[0], names.values())} Give --map {lacking[0]}=NAME to "
                f"rename, --map {lacking[0]}= to leave it out, or --union if there are none "
                "(classes=, union= in Python)."
            )
    return mapped


def draw(
    sources: Sequence[Source], ratio: Sequence[float] | None, count: int | None, seed: int
) -> None:
    """Sets what is taken of each source; args as `merge_datasets`.

    Raises:
        RefinezooError: a ratio or count that is none, or that takes nothing of a source.
    """
    shares = [len(source.coco.images) for source in sources] if ratio is None else list(ratio)
    usable = all(np.isfinite(share) and share >= 0 for share in shares) and sum(shares) > 0
    if len(shares) != len(sources) or not usable:
        raise RefinezooError(
            f"expected a ratio of {len(sources)} numbers of at least 0, received "
            f"{':'.join(map(str, shares))}."
        )
    if count is not None and count < 1:
        raise RefinezooError(f"expected a count of at least 1, received {count}.")
    unit = min(
        len(source.coco.images) / share
        for source, share in zip(sources, shares, strict=True)
        if share
    )
    unit = min(unit, np.inf if count is None else count / sum(shares))
    for index, (source, share) in enumerate(zip(sources, shares, strict=True)):
        numbers, wanted = list(source.coco.images), int(share * unit + 1e-9)
        order = np.random.default_rng([seed, index]).permutation(len(numbers))
        source.taken = [numbers[k] for k in sorted(order[:wanted])]
        if share and not source.taken:
            raise RefinezooError(
                f"expected images of {source.name}, but of {len(numbers)} this ratio and count "
                "take none. Give a larger count, or another ratio."
            )


def provenance(source: Source) -> dict[str, Any]:
    """What made a source, as far as its files say."""
    found: dict[str, Any] = {}
    annotations = Path(source.coco.path)
    if annotations.is_file():
        found["annotations_sha256"] = sha256(annotations)
    manifest = source.path / "manifest.json"
    if manifest.is_file():
        try:
            content = read_json(manifest, _MOST_BYTES)
        except RefinezooError:  # another program's
            return found
        if isinstance(content, dict) and content.get("format") == "refinezoo.refinement/1":
            found["refined_by"] = {key: content[key] for key in _MADE_BY if key in content}
    return found
