"""Datasets in object stores (`s3://`, `gs://`, whatever fsspec opens), staged in local folders."""

import hashlib
import itertools
import json
import logging
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError
from refinezoo.files import locked_folder, own_folder, remove_folder, write_json
from refinezoo.paths import contained
from refinezoo.workshop import is_mark
from refinezoo.zoo.remote import cache_folder

_AT_ONCE = 256  # files of one call
_TELLING = "size ETag etag md5Hash crc32c mtime LastModified updated created last_modified".split()
_log = logging.getLogger(__name__)


def is_url(place: str | os.PathLike) -> bool:
    """Whether a dataset lies in an object store."""
    return "://" in os.fspath(place)


@contextmanager
def staged(
    source: str | os.PathLike, out: str | os.PathLike, folder: str | os.PathLike | None = None
) -> Iterator[tuple[Path, Path]]:
    """Local folders of a dataset and of what is made of it; those that are no URLs are themselves.

        with staged("s3://bucket/renders", "s3://bucket/refined") as (renders, refined):
            refine_dataset(renders, refined, refiner)

    What is at `source` is fetched, and what an earlier run left at `out`, so that any machine goes
    on with it. At the end, also that of a failure, `out` gets what is new and loses what is gone:
    manifests last. What is fetched already, by an interrupted run on this machine, is not fetched
    again. The folders are deleted when all has gone well. Credentials and endpoints are those of
    fsspec and the store's own library (AWS_ENDPOINT_URL, ...).

    Args:
        source: a folder or URL.
        out: likewise.
        folder: to stage in; by default one of the cache that `REFINEZOO_CACHE` names.

    Raises:
        RefinezooError: a store that cannot be reached, read or written, too little room, or names
            that lead out of a folder.
    """
    if not is_url(source) and not is_url(out):
        yield Path(source), Path(out)
        return
    source, out = os.fspath(source), os.fspath(out)
    for url in filter(is_url, (source, out)):
        if not url.split("://", 1)[1].strip("/"):
            raise RefinezooError(
                f"expected a URL with a path, as s3://bucket/renders, received {_shown(url)!r}."
            )
    digest = hashlib.sha256(json.dumps([source, out]).encode()).hexdigest()[:16]
    place = Path(folder) if folder else cache_folder() / "staging" / digest
    busy = f"another run stages in {place}. Wait for it, or give another folder: --stage FOLDER."
    with locked_folder(place.parent / f"{place.name}.lock", busy):
        own_folder(place)
        try:
            with _copied(source, out, place) as folders:
                yield folders
        except BaseException:
            copies = [place / name for name in ("source", "out")]
            if any(path.is_file() for copy in copies for path in copy.rglob("*")):
                raise  # the next run goes on with it
            remove_folder(place)
            raise
        remove_folder(place)


@contextmanager
def _copied(source: str, out: str, place: Path) -> Iterator[tuple[Path, Path]]:
    fetched = _Copy(source, place / "source", ours=False) if is_url(source) else None
    made = _Copy(out, place / "out", ours=True) if is_url(out) else None
    if _overlap(fetched or source, made or out):
        raise RefinezooError(
            f"expected an output apart from the dataset, received {_shown(source)} and "
            f"{_shown(out)}. What is read is never overwritten; name another place."
        )
    needed = 0
    if fetched:
        if not fetched.there:
            raise RefinezooError(f"expected a dataset at {_shown(source)}, there is no file.")
        needed = 2 * fetched.size
    check_room(place, needed + (made.size if made else 0), f"staging {_shown(source)}")
    for copy in (fetched, made):
        if copy:
            copy.fetch()
    try:
        yield fetched.folder if fetched else Path(source), made.folder if made else Path(out)
    finally:
        if made:
            made.send()


class _Copy:
    """A local folder that mirrors a URL; what both looked like is kept beside it.

    In one that is `ours`, files are made and changed.
    """

    def __init__(self, url: str, folder: Path, *, ours: bool) -> None:
        self.url, self.folder, self.record = url, folder, folder.with_suffix(".json")
        self.ours = ours
        self.folder.mkdir(exist_ok=True)
        with _reaching(url):
            import fsspec

            self.store, self.root = fsspec.core.url_to_fs(url)
            self.there = self._list()
        self.seen: dict[str, Any] = {}
        if self.record.is_file():
            self.seen = read_json(self.record, 1 << 30)

    @property
    def size(self) -> int:
        """Bytes at the URL."""
        return sum(size for size, _ in self.there.values())

    def fetch(self) -> None:
        """Gets what is new, or has changed since, at the URL."""
        names = [name for name in self.there if not self._is_here(name)]
        if names:
            _log.info("fetching %d files of %s", len(names), _shown(self.url))
        with _reaching(self.url):
            for some in _portions(names):
                paths = [contained(name, self.folder) for name in some]
                for path in paths:
                    path.parent.mkdir(parents=True, exist_ok=True)
                self.store.get([self._at(name) for name in some], [str(path) for path in paths])
        self._remember()

    def _is_here(self, name: str) -> bool:
        """Whether a file was fetched as it is at the URL, and none has tidied it away since."""
        (token, state), path = self.seen.get(name, (None, None)), self.folder / name
        same = token == self.there[name][1] and path.is_file()
        return same and (self.ours or state == _state(path))

    def send(self) -> None:
        """Puts what is new here, manifests and journals last; deletes what is gone."""
        here = {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not any(map(is_mark, path.relative_to(self.folder).parts))
        }
        new = [name for name in here if self.seen.get(name, [0, 0])[1] != _state(here[name])]
        new.sort(key=lambda name: "/" not in name and name.endswith((".json", ".jsonl")))
        gone = [name for name in self.seen if name not in here and name in self.there]
        if new or gone:
            _log.info("sending %d files to %s", len(new), _shown(self.url))
        with _reaching(self.url):
            for some in _portions(new):
                paths = [self._at(name) for name in some]
                for parent in {path.rsplit("/", 1)[0] for path in paths}:
                    self.store.makedirs(parent, exist_ok=True)
                self.store.put([str(here[name]) for name in some], paths)
            for name in gone:
                self.store.rm_file(self._at(name))
            self.there = self._list()
        self._remember()

    def _at(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    def _list(self) -> dict[str, tuple[int, str]]:
        """Per file its size and what tells one version of it from another."""
        self.store.invalidate_cache()
        prefix, found = self.root.strip("/") + "/", {}
        listed = self.store.find(self.root, detail=True)
        if [path.strip("/") + "/" for path in listed if not path.endswith("/")] == [prefix]:
            raise RefinezooError(
                f"expected the URL of a folder, received that of a file: {_shown(self.url)}."
            )
        for path, info in listed.items():
            name = path.strip("/").removeprefix(prefix)
            if not path.endswith("/") and path.strip("/") != self.root.strip("/"):  # no marker
                token = json.dumps([str(info.get(key)) for key in _TELLING])
                found[name] = int(info.get("size") or 0), token
        return found

    def _remember(self) -> None:
        self.seen = {
            name: [token, _state(self.folder / name)]
            for name, (_, token) in self.there.items()
            if (self.folder / name).is_file()
        }
        write_json(self.record, self.seen)


def _overlap(source: _Copy | str, out: _Copy | str) -> bool:
    """Whether two places, however they are spelt, are one, or one is in the other."""

    def place(of: _Copy | str) -> tuple[Any, str]:
        if isinstance(of, str) or "file" in of.store.protocol:
            return None, os.path.realpath(of if isinstance(of, str) else of.root).rstrip("/") + "/"
        return of.store, posixpath.normpath("/" + of.root.strip("/")).rstrip("/") + "/"

    (store, first), (other, second) = place(source), place(out)
    return store == other and (first.startswith(second) or second.startswith(first))


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(itertools.islice(rest, _AT_ONCE)):
        yield some


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Words whatever keeps a store from being opened, read or written."""
    try:
        yield
    except RefinezooError:
        raise
    except ImportError as error:
        scheme = url.split("://")[0]
        library = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs"}.get(scheme, "")
        raise RefinezooError(
            f"expected the library that opens {scheme}:// for {_shown(url)}. Install it with: "
            f"pip install fsspec {library}".rstrip()
        ) from error
    except Exception as error:  # each store has its own
        said = (str(error).strip().splitlines() or [""])[0]
        raise RefinezooError(
            f"cannot reach {_shown(url)}: {type(error).__name__}: {_shown(said)}. Correct the URL, "
            "credentials or endpoint, and run it again; what is fetched and refined is kept."
        ) from error


def _shown(text: str) -> str:
    """Without a password."""
    return re.sub(r"://[^/@\s]*@", "://", text)
