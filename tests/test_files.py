import errno
import os
import subprocess
import sys
import textwrap

import pytest

from refinezoo import disk, files, paths, workshop
from refinezoo.errors import RefinezooError

# Kills a write at each of its calls to the file system; after each, reports what is there.
KILLED = textwrap.dedent(
    """
    import os, shutil, signal, sys
    from pathlib import Path
    from refinezoo import files, workshop

    place, kind, exchange = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "exchange"
    events = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "die")
    real = workshop.exchanged

    def swap(first, second):
        done = exchange and real(first, second)
        sys.audit("die")
        return done

    workshop.exchanged = swap

    def write(text):
        if kind == "file":
            with files.atomic_path(place / "it") as path:
                path.write_text(text)
        else:
            with files.atomic_folder(place / "it") as path:
                for name in "ab":
                    (path / name).write_text(text)

    def killed_at(moment):
        seen = 0

        def hook(event, arguments):
            nonlocal seen
            if event in events:
                seen += 1
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        if (child := os.fork()) == 0:
            sys.addaudithook(hook)
            write("new")
            os._exit(0)
        return os.waitpid(child, 0)[1] == signal.SIGKILL

    def content():
        it = place / "it"
        if kind == "file":
            return {it.read_text()}
        return {(it / name).read_text() for name in "ab"}

    moment = 0
    while True:
        moment += 1
        shutil.rmtree(place, ignore_errors=True)
        write("old")
        killed = killed_at(moment)
        if not exchange:
            files.sweep(place)  # gives back what lay between two renames
        assert content() in ({"old"}, {"new"}), (moment, content())
        write("newer")
        assert content() == {"newer"}
        files.sweep(place)
        assert [path.name for path in place.iterdir()] == ["it"], moment
        if not killed:
            break
    print(moment)
    """
)


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("how", ["exchange", "two renames"])
def test_a_kill_at_any_call_leaves_old_or_new_and_nothing_else(tmp_path, kind, how):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "place"), kind, how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def test_a_failed_write_leaves_the_old(tmp_path):
    files.write_json(tmp_path / "it.json", 1)
    with pytest.raises(ZeroDivisionError), files.atomic_path(tmp_path / "it.json") as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert (tmp_path / "it.json").read_text() == "1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["it.json"]


def test_two_writers_at_once_do_not_meet(tmp_path):
    with files.atomic_path(tmp_path / "it") as first, files.atomic_path(tmp_path / "it") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "it").read_text() == "first"  # the last to finish
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_a_sweep_spares_what_is_being_written(tmp_path):
    with files.atomic_path(tmp_path / "it") as path:
        assert files.sweep(tmp_path) == 0
        path.write_text("whole")
    assert (tmp_path / "it").read_text() == "whole"


@pytest.mark.parametrize("change", ["replace", "remove", "own"])
def test_a_folder_without_our_stamp_is_never_touched(tmp_path, change):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(RefinezooError, match="would delete them"):
        if change == "replace":
            with files.atomic_folder(mine):
                pass
        elif change == "remove":
            files.remove_folder(mine)
        else:
            files.own_folder(mine)
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_was_filled_meanwhile_is_not_replaced(tmp_path):
    with pytest.raises(RefinezooError, match="would delete them"):
        with files.atomic_folder(tmp_path / "it"):
            (tmp_path / "it").mkdir()
            (tmp_path / "it" / "thesis.txt").write_text("years of work")
    assert (tmp_path / "it" / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_refinezoo_made_meanwhile_is_replaced(tmp_path, monkeypatch):
    rename, meanwhile = os.rename, []

    def late(source, target):
        if not meanwhile:
            meanwhile.append(target)
            with files.atomic_folder(target) as other:
                (other / "theirs.txt").write_text("theirs")
        rename(source, target)

    monkeypatch.setattr(files.os, "rename", late)
    with files.atomic_folder(tmp_path / "it") as folder:
        (folder / "mine.txt").write_text("mine")
    assert {path.name for path in (tmp_path / "it").iterdir()} == {"mine.txt", files.STAMP}
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_own_folders_come_and_go(tmp_path):
    (files.own_folder(tmp_path / "ours") / "a").write_text("a")
    files.own_folder(tmp_path / "ours")
    assert (tmp_path / "ours" / "a").read_text() == "a"
    files.remove_folder(tmp_path / "ours")
    files.remove_folder(tmp_path / "ours")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_folder_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    for text in ("first", "second"):
        with files.atomic_folder(tmp_path / "link") as folder:
            (folder / "a").write_text(text)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "a").read_text() == "second"


@pytest.mark.parametrize("name", [".refinezoo", ".lock"])
def test_what_is_written_in_place_follows_no_link(tmp_path, name):
    """A run folder from elsewhere may hold links where a run writes its own files."""
    (tmp_path / "precious").write_text("years of work")
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(tmp_path / "precious")
    with pytest.raises(RefinezooError, match="link"), files.locked_folder(run, "busy"):
        files.own_folder(run)
    with pytest.raises(RefinezooError, match="received a link"):
        paths.no_link(run / name)
    assert (tmp_path / "precious").read_text() == "years of work"
    assert paths.no_link(tmp_path / "none") == tmp_path / "none"


def test_scratch_is_beside_and_goes(tmp_path):
    with files.scratch_folder(tmp_path / "it") as scratch:
        assert scratch.parent == tmp_path and not files.is_filled(scratch)
        (scratch / "a").write_text("a")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_keeps_others_out_and_leaves_nothing(tmp_path):
    with files.locked_folder(tmp_path / "run", "busy"):
        with pytest.raises(RefinezooError, match="busy"):
            with files.locked_folder(tmp_path / "run", "busy"):
                pass
        (tmp_path / "run" / "a").write_text("a")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a"]
    with files.locked_folder(tmp_path / "early", "busy"):
        pass
    assert not (tmp_path / "early").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_what_the_file_system_refuses_is_worded(tmp_path, code):
    with pytest.raises(RefinezooError, match=os.strerror(code)):
        with files.atomic_path(tmp_path / "it"):
            raise OSError(code, os.strerror(code))


def test_a_copy_onto_a_full_disk_names_what_is_written(tmp_path):
    with pytest.raises(RefinezooError, match=r"No space left on device \(copy\.png\)"):
        with files.atomic_path(tmp_path / "it"):
            raise OSError(errno.ENOSPC, "No space left on device", "source.png", None, "copy.png")


def test_what_a_library_calls_by_another_name_is_worded(tmp_path):
    """TensorFlow's full disk is no OSError."""
    with pytest.raises(RefinezooError, match="No space left on device. Make room"):
        with files.atomic_folder(tmp_path / "model"):
            raise RuntimeError("saved_model.pb; No space left on device")
    with pytest.raises(RuntimeError, match="other"):
        with files.atomic_folder(tmp_path / "model"):
            raise RuntimeError("other")
    assert not [*tmp_path.iterdir()]


def test_a_long_name_is_worded_and_a_just_fitting_one_is_written(tmp_path):
    files.write_json(tmp_path / ("x" * 255), 1)
    with pytest.raises(RefinezooError, match="shorter name"):
        files.write_json(tmp_path / ("x" * 256), 1)
    with pytest.raises(RefinezooError, match="file is in the way"):
        files.write_json(tmp_path / ("x" * 255) / "it", 1)


def test_file_systems_without_locks_still_write(tmp_path, monkeypatch):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(workshop.fcntl, "flock", no_locks)
    files.write_json(tmp_path / "it", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_room_is_looked_at_first(tmp_path):
    disk.check_room(tmp_path / "not" / "there", 1, "a run")
    with pytest.raises(RefinezooError, match="MB free for a run .*received .* MB"):
        disk.check_room(tmp_path, 1 << 60, "a run")
    assert [disk.megabytes(count) for count in (3000, 5 << 20, 1 << 40)] == [
        "0.00 MB",
        "5.24 MB",
        "1,099,512 MB",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "link/x",
        "",
        ".",
        "a\0b",
        "../root_other/x",
        "\ud800",
        "x" * 300,
    ],
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(RefinezooError, match="leads out of it"):
        paths.contained(name, tmp_path / "root")


def test_names_that_stay_inside(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for name in ("a.png", "a/b.png", "a/../b.png", "...", "link/x.png", "caf\udce9.png"):
        assert paths.contained(name, tmp_path) == tmp_path / name


@pytest.mark.parametrize("name", ["refined", "real+synthetic", "seed 1", "v1.2", "größe", "7"])
def test_plain_names(name):
    assert paths.plain_name(name, "arm") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "../a", ".a", "a ", "a\n", "a\x1b", "a\\b", "x" * 61]
)
def test_names_that_are_not_plain(name):
    with pytest.raises(RefinezooError, match="arm: expected a plain name"):
        paths.plain_name(name, "arm")
