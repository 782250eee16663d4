"""Presets from elsewhere: `https://` and `hf://` addresses, pinned, into a cache; nothing runs.

    https://host/my_preset#sha256=...     a preset folder; the SHA-256 of its config.json
    hf://organisation/name@...            a repository of the Hugging Face hub at a commit

The config names size and SHA-256 of every weights file, so that its own hash pins all of them.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from refinezoo.config import parse_json
from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_folder, sha256
from refinezoo.models.presets import CONFIG_FILE, Preset, checked_preset
from refinezoo.models.weights import Weights, check_weights

MAX_CONFIG_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 1 << 30  # of one file
TIMEOUT = 30.0  # seconds without a byte

Get = Callable[[str, int, Path], None]  # file name, most bytes, where to


def is_remote(name: object) -> bool:
    """Whether a name is an address that `fetched` takes."""
    return isinstance(name, str) and name.startswith(("https://", "http://", "hf://"))


def cache_folder() -> Path:
    """Where presets from elsewhere are kept: REFINEZOO_CACHE, or a folder of the user's cache."""
    if own := os.environ.get("REFINEZOO_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "refinezoo"


def fetched(address: str) -> Path:
    """The preset folder of an address, from the cache or, once, from the network.

    Raises:
        RefinezooError: an address that is not pinned (it says what to type), no network, or files
            that are not what the address and its config say.
    """
    pinned, pin, get = _hub(address) if address.startswith("hf://") else _web(address)
    folder = cache_folder() / "presets" / hashlib.sha256(pinned.encode()).hexdigest()[:24]
    if (folder / CONFIG_FILE).is_file() and pin in (None, sha256(folder / CONFIG_FILE)):
        return folder
    with atomic_folder(folder) as temporary:
        config = _config(temporary, get, pin, address)
        files = [config.weights] if config.weights else []
        files += config.training.networks.values() if config.training else []
        check_room(folder.parent, sum(each.bytes for each in files), f"the weights of {address}")
        for weights in files:
            _check_size(weights, address)
            get(weights.file, weights.bytes, temporary / weights.file)
            check_weights(temporary / weights.file, weights)
    return folder


def _config(folder: Path, get: Get, pin: str | None, address: str) -> Preset:
    path = folder / CONFIG_FILE
    get(CONFIG_FILE, MAX_CONFIG_BYTES, path)
    if pin is not None and sha256(path) != pin:
        raise RefinezooError(
            f"{address}: expected a {CONFIG_FILE} of sha256 {pin}, received sha256 "
            f"{sha256(path)}. The preset there has changed since; ask its author which is right."
        )
    return checked_preset(parse_json(path.read_bytes(), address), address)


def _check_size(weights: Weights, address: str) -> None:
    if weights.bytes > MAX_WEIGHTS_BYTES:
        raise RefinezooError(
            f"{address}: expected weights of at most {MAX_WEIGHTS_BYTES} bytes, received "
            f"{weights.file} of {weights.bytes}. Download it yourself and load the folder."
        )


def _check_online(address: str) -> None:
    for variable in ("HF_HUB_OFFLINE", "REFINEZOO_OFFLINE"):
        if os.environ.get(variable, "0").lower() not in ("", "0", "false", "no"):
            raise RefinezooError(
                f"{variable} is set, and {address} is not in the cache ({cache_folder()}). Load "
                f"it once with the network, or unset {variable}."
            )


# ---- a folder on a web server


def _web(address: str) -> tuple[str, str | None, Get]:
    place, _, fragment = address.partition("#")
    parts = urlsplit(place)
    if parts.username or parts.password or not parts.hostname or parts.query:
        shown = re.sub(r"//.*@", "//***@", place)
        raise RefinezooError(
            "expected an address such as https://host/my_preset#sha256=..., without user, "
            f"password and query, received {shown!r}."
        )
    place = place.removesuffix("/").removesuffix(f"/{CONFIG_FILE}")

    def get(name: str, most: int, path: Path) -> None:
        _check_online(address)
        _download(f"{place}/{name}", most, path)

    pin = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
    if pin is None:
        raise RefinezooError(f"{place}: {_unpinned(place, get)}")
    return f"{place}#{fragment}", pin[1], get


def _unpinned(place: str, get: Get) -> str:
    """What to type instead of an address without a checksum."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / CONFIG_FILE
        get(CONFIG_FILE, MAX_CONFIG_BYTES, path)
        found = sha256(path)
    return (
        "expected an address that ends in #sha256=... of the preset's config.json, received none. "
        f"If you trust what is there today, take {place}#sha256={found}"
    )


def _download(address: str, most: int, path: Path) -> None:
    """Writes what an address holds, at most `most` bytes."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(address, headers={"User-Agent": "refinezoo"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply, open(path, "wb") as file:
            left = most
            while part := reply.read(min(1 << 20, left + 1)):
                left -= len(part)
                if left < 0:
                    raise RefinezooError(
                        f"{address}: expected at most {most} bytes, received more."
                    )
                file.write(part)
    except urllib.error.HTTPError as error:
        raise RefinezooError(
            f"{address}: expected a file, received {error.code} {error.reason}. Is the address "
            "that of the preset's folder?"
        ) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise RefinezooError(
            f"{address}: cannot be reached ({reason}). Check the network; a copy of the preset's "
            "folder on this machine loads without."
        ) from None


# ---- the Hugging Face hub


def _hub(address: str) -> tuple[str, str | None, Get]:
    try:
        import huggingface_hub as hub
    except ImportError:
        raise RefinezooError(
            f"{address} needs huggingface_hub. Run pip install 'refinezoo[hub]'."
        ) from None
    named = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", address)
    if named is None:
        raise RefinezooError(
            f"expected an address such as hf://organisation/name@COMMIT, received {address!r}."
        )
    repo, revision = named.groups()
    if re.fullmatch(r"[0-9a-f]{40}", revision or "") is None:
        _check_online(address)
        with _on_the_hub(address):
            commit = hub.HfApi().model_info(repo, revision=revision).sha
        raise RefinezooError(
            f"{address}: expected a commit after @, received {revision or 'none'}. If you trust "
            f"what is there today, take hf://{repo}@{commit}"
        )

    def get(name: str, most: int, path: Path) -> None:
        kept = hub.try_to_load_from_cache(repo, name, revision=revision)  # of `hf download`
        if isinstance(kept, str) and os.path.getsize(kept) <= most:
            shutil.copyfile(kept, path)
            return
        _check_online(address)
        with _on_the_hub(address, name):
            size = hub.get_hf_file_metadata(hub.hf_hub_url(repo, name, revision=revision)).size
            if size is None or size > most:
                raise RefinezooError(
                    f"{address}: expected {name} of at most {most} bytes, received {size}."
                )
            hub.hf_hub_download(repo, name, revision=revision, local_dir=path.parent)
            shutil.rmtree(path.parent / ".cache", ignore_errors=True)  # the client's own notes

    return f"hf://{repo}@{revision}", None, get


@contextmanager
def _on_the_hub(address: str, name: str = CONFIG_FILE) -> Iterator[None]:
    """Words what the hub's client raises when it is asked for a file."""
    from huggingface_hub import errors

    try:
        yield
    except RefinezooError:
        raise
    except errors.GatedRepoError:
        told = "its owner decides who has it. Ask on its page, then run `hf auth login`."
    except errors.RepositoryNotFoundError:
        told = "no such repository, or a private one. Check its name, or run `hf auth login`."
    except errors.RevisionNotFoundError:
        told = "no such commit there. Without what follows @ the message names today's."
    except errors.EntryNotFoundError:
        told = f"expected a preset of refinezoo, received a repository without {name}."
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        told = (
            f"cannot be reached ({reason}). Check the network; a copy of the preset's folder on "
            "this machine loads without."
        )
    else:
        return
    raise RefinezooError(f"{address}: {told}")
