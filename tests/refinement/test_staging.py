"""Datasets behind URLs, on fsspec's local and memory file systems."""

import pytest

from refinezoo import files
from refinezoo.errors import RefinezooError
from refinezoo.refinement import Shard, refine_dataset, staged

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REFINEZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/staging"


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    """A URL, empty."""
    url = {"memory": "memory://bucket", "file": f"file://{tmp_path}/bucket"}[request.param]
    yield url
    fsspec.filesystem("memory").store.clear()


def put(folder, url):
    system, root = fsspec.core.url_to_fs(url)
    for path in folder.rglob("*"):
        if path.is_file():
            target = f"{root}/{path.relative_to(folder).as_posix()}"
            system.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(path), target)


def contents(url):
    system, root = fsspec.core.url_to_fs(url)
    prefix = root.rstrip("/") + "/"
    return {path.removeprefix(prefix): system.cat_file(path) for path in system.find(root)}


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refine(source, out, refiner, **options):
    with staged(source, out) as (renders, refined):
        return refine_dataset(renders, refined, refiner, progress=False, **options)


def test_what_is_refined_behind_urls_is_what_is_refined_here(
    coco, tmp_path, brighter, store, cache
):
    put(coco, f"{store}/renders")
    refine_dataset(coco, tmp_path / "whole", brighter, progress=False)
    refine(f"{store}/renders", f"{store}/refined", brighter)
    assert contents(f"{store}/refined") == tree(tmp_path / "whole")
    assert contents(f"{store}/renders") == tree(coco)
    assert not any(cache.iterdir())


def test_one_of_the_two_may_be_a_folder(coco, tmp_path, brighter, store):
    put(coco, f"{store}/renders")
    refine(f"{store}/renders", tmp_path / "out", brighter)
    refine(coco, f"{store}/refined/", brighter)
    assert contents(f"{store}/refined") == tree(tmp_path / "out")


def test_another_machine_goes_on_where_a_run_failed(coco, tmp_path, brighter, store, monkeypatch):
    put(coco, f"{store}/renders")
    system, root = fsspec.core.url_to_fs(f"{store}/renders")
    good = system.cat_file(f"{root}/images/scene_3.png")
    system.pipe_file(f"{root}/images/scene_3.png", b"torn")
    with pytest.raises(RefinezooError, match="1 of 5 images could not be refined"):
        refine(f"{store}/renders", f"{store}/refined", brighter)
    assert len([name for name in contents(f"{store}/refined") if "images/scene" in name]) == 4
    monkeypatch.setenv("REFINEZOO_CACHE", str(tmp_path / "machine_2"))
    system.pipe_file(f"{root}/images/scene_3.png", good)
    brighter.seen = 0
    assert refine(f"{store}/renders", f"{store}/refined", brighter).resumed == 4
    assert brighter.seen == 1
    refine_dataset(coco, tmp_path / "whole", brighter, progress=False)
    assert contents(f"{store}/refined") == tree(tmp_path / "whole")


def test_a_run_that_was_killed_here_fetches_and_refines_only_the_rest(
    coco, tmp_path, brighter, store, monkeypatch
):
    put(coco, f"{store}/renders")
    with pytest.raises(KeyboardInterrupt):  # a kill leaves the staged folders as they are
        with monkeypatch.context() as patch:
            patch.setattr("refinezoo.refinement.staging._Copy.send", lambda self: None)
            with staged(f"{store}/renders", f"{store}/refined") as (renders, refined):
                part = Shard(1, 2)
                refine_dataset(renders, refined, brighter, progress=False, shard=part)
                raise KeyboardInterrupt
    system = fsspec.core.url_to_fs(store)[0]
    monkeypatch.setattr(type(system), "get", lambda *_, **__: pytest.fail("fetched again"))
    brighter.seen = 0
    refine(f"{store}/renders", f"{store}/refined", brighter)
    assert brighter.seen == 2
    refine_dataset(coco, tmp_path / "whole", brighter, progress=False)
    assert contents(f"{store}/refined") == tree(tmp_path / "whole")


def test_what_is_deleted_here_is_deleted_there_and_nothing_else(coco, tmp_path, brighter, store):
    put(coco, f"{store}/renders")
    refine(f"{store}/renders", f"{store}/refined", brighter)
    system, root = fsspec.core.url_to_fs(store)
    system.pipe_file(f"{root}/refined/ours.txt", b"a note")
    system.rm_file(f"{root}/renders/notes/read me.txt")
    refine(f"{store}/renders", f"{store}/refined", brighter, prune=True)
    found = contents(f"{store}/refined")
    assert "notes/read me.txt" not in found and found["ours.txt"] == b"a note"


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("memory://a/renders", "memory://a/renders/out", "an output apart from the dataset"),
        ("memory://a/renders/", "memory://a/renders", "an output apart from the dataset"),
        ("memory://a/renders", "memory:///a/./renders", "an output apart from the dataset"),
        ("memory://a/b/../renders", "memory://a/renders/out", "an output apart from the dataset"),
        ("memory://", "out", "a URL with a path"),
        ("file://", "out", "a URL with a path"),
        ("nowhere://me:secret@a/b", "out", "cannot reach nowhere://a/b: ValueError"),
        ("memory://nothing", "out", "expected a dataset at memory://nothing"),
    ],
)
def test_a_wrong_url_is_worded(source, out, message, tmp_path, monkeypatch, brighter):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefinezooError, match=message) as caught:
        refine(source, out, brighter)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not [*(tmp_path / "cache").rglob("source")]


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(RefinezooError, match="pip install fsspec s3fs"):
        with staged("s3://bucket/renders", tmp_path / "out"):
            pass


def test_names_that_lead_out_are_refused(tmp_path):
    fsspec.filesystem("memory").pipe_file("/bucket/renders/../../../precious.txt", b"hostile")
    system = fsspec.filesystem("memory")
    system.store["/bucket/renders/../../precious.txt"] = system.store.popitem()[1]
    try:
        with pytest.raises(RefinezooError, match="leads out of it"):
            with staged("memory://bucket/renders", tmp_path / "out"):
                pass
    finally:
        system.store.clear()


def test_two_at_once_are_one_too_many(coco, tmp_path, store, cache):
    put(coco, f"{store}/renders")
    with staged(f"{store}/renders", tmp_path / "out"):
        with pytest.raises(RefinezooError, match="another run stages in"):
            with staged(f"{store}/renders", tmp_path / "out"):
                pass
    assert files.is_filled(cache) is False


def test_the_summary_names_what_lies_there(tmp_path, coco, brighter, store):
    put(coco, f"{store}/renders")
    with staged(f"{store}/renders", f"{store}/refined/") as (renders, refined):
        summary = refine_dataset(renders, refined, brighter, progress=False, report=True)
    moved = summary.moved(refined, f"{store}/refined/")
    assert moved.out == f"{store}/refined" and moved.manifest == f"{store}/refined/manifest.json"
    assert moved.page == f"{store}/refined/report.html"


@pytest.mark.parametrize("place", ["{}", "{}/out", "{}/../synthetic", "file://{}/."])
@pytest.mark.parametrize("turned", [False, True])
def test_a_folder_is_not_written_over_through_its_url(coco, brighter, place, turned):
    before = tree(coco)
    source, out = place.format(coco), f"file://{coco}"
    if turned:
        source, out = out, source
    with pytest.raises(RefinezooError, match="an output apart from the dataset"):
        refine(source, out, brighter, overwrite=True)
    assert tree(coco) == before


def test_the_url_of_a_file_is_worded(coco, tmp_path, brighter, store):
    put(coco, f"{store}/renders")
    with pytest.raises(RefinezooError, match="expected the URL of a folder"):
        refine(f"{store}/renders/annotations.json", tmp_path / "out", brighter)
    with pytest.raises(RefinezooError, match="expected the URL of a folder"):
        refine(coco, f"{store}/renders/annotations.json", brighter)


def test_what_was_tidied_out_of_the_cache_is_fetched_again(coco, tmp_path, brighter, store, cache):
    put(coco, f"{store}/renders")
    put(coco / "notes", f"{store}/refined/theirs")
    with pytest.raises(KeyboardInterrupt):
        with staged(f"{store}/renders", f"{store}/refined") as (renders, refined):
            raise KeyboardInterrupt
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    (folder / "source/images/scene_2.png").unlink()
    (folder / "source/images/scene_3.png").write_bytes(b"torn")
    (folder / "out/theirs/read me.txt").unlink()
    refine(f"{store}/renders", f"{store}/refined", brighter, overwrite=True)
    refine_dataset(coco, tmp_path / "whole", brighter, progress=False)
    assert contents(f"{store}/refined").pop("theirs/read me.txt") == b"ours"
    assert tree(tmp_path / "whole").items() <= contents(f"{store}/refined").items()
