"""Files whole or not at all; tensor files that are checked byte by byte."""

import csv
import errno
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.core import files, tensors
from quickstudy.core.files import shown, write_lines, write_whole
from quickstudy.core.params import same
from quickstudy.core.tensors import digest, load_tensors, save_tensors
from quickstudy.core.types import QuickstudyError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def one_sentence(error: pytest.ExceptionInfo[QuickstudyError], path: Path | str) -> str:
    text = str(error.value)
    assert shown(path) in text
    assert "\n" not in text and text.isprintable()
    return text


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_whole(path, b"one")
    path.chmod(0o640)
    write_whole(str(path), b"two\r\n")
    assert path.read_bytes() == b"two\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.bin"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "usual").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_a_broken_block_leaves_the_old_file_alone(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("old")
    with pytest.raises(failure), write_lines(path) as lines:
        lines.write("half a")
        raise failure
    assert path.read_text() == "old"
    assert names(tmp_path) == ["lines.txt"]


def test_lines_appear_only_at_the_end_and_as_written(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with write_lines(path) as lines:
        csv.writer(lines, lineterminator="\r\n").writerow(["é", 'a"b', "x\ny"])
        assert not path.exists()
    assert path.read_bytes() == 'é,"a""b","x\ny"\r\n'.encode()
    assert names(tmp_path) == ["table.csv"]


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with pytest.raises(QuickstudyError) as error, write_lines(path) as lines:
        lines.write("good \ud800")
    assert "UTF-8" in one_sentence(error, path)
    assert names(tmp_path) == []


def test_a_fault_of_another_file_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_lines(tmp_path / "out.txt"):
        (tmp_path / "missing.txt").read_text()
    with pytest.raises(BrokenPipeError), write_lines(tmp_path / "out.txt"):
        raise BrokenPipeError(errno.EPIPE, "the reader went away")
    assert names(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    for path, hint in [
        (tmp_path, "it is a folder"),
        (tmp_path / "missing" / "a", "does not exist"),
        (tmp_path / "file" / "a", "is a file"),
        (tmp_path / ("n" * 300), "too long"),
        (tmp_path / "pipe", "device or pipe"),
        (Path("/dev/null"), "device or pipe"),
        (str(tmp_path / "a\0b"), "NUL"),
        (tmp_path / "line\nbreak\x1b[31m" / "a", "does not exist"),
    ]:
        with pytest.raises(QuickstudyError) as error:
            write_whole(path, b"data")
        assert hint in one_sentence(error, path)
    assert names(tmp_path) == ["file", "pipe"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    with pytest.raises(QuickstudyError) as error:
        write_whole(folder / "a", b"data")
    assert "may not write" in one_sentence(error, folder / "a")


@pytest.mark.parametrize("place", ["open", "fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "hint"), [(errno.EROFS, "read-only"), (errno.ENOSPC, "full"), (errno.EACCES, "may not write")]
)
def test_each_fault_at_each_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: int, hint: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(files.Path if place == "replace" else files.os, place, fail)
        with pytest.raises(QuickstudyError) as error:
            write_whole(path, b"new")
    assert hint in one_sentence(error, path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_no_room_for_the_whole_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        for write in (lambda path: write_whole(path, b"x" * 20_000), stream):
            with pytest.raises(QuickstudyError) as error:
                write(tmp_path / "big")
            assert "larger than" in one_sentence(error, tmp_path / "big")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def stream(path: Path) -> None:
    with write_lines(path) as lines:
        for _ in range(2000):
            lines.write("a line of text\n")


def test_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    script = (
        "import os, signal, sys\nfrom quickstudy.core.files import write_lines\n"
        "with write_lines(sys.argv[1]) as lines:\n"
        "    lines.write('x' * 100_000)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_text() == "old"


MANY = {
    "backbone.weight": torch.randn(3, 4),
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "exact": torch.tensor(torch.pi, dtype=torch.float64),
    "none": torch.zeros(0, 7),
    "mask": torch.tensor([True, False]),
    "long": torch.tensor([[2**60]]),
    'odd names: é\n"sha256":"': torch.ones(2, 3).T,
}


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    shared = torch.randn(10)
    tensors = {**MANY, "one": shared, "two": shared, "part": shared[3:5].requires_grad_()}
    notes = {"b": 'é"\n', "a": '"sha256":"' + "0" * 64 + '"', "empty": ""}
    save_tensors(path, tensors, notes)
    loaded, metadata = load_tensors(path)
    assert same(loaded, tensors)
    assert [loaded[name].dtype for name in MANY] == [value.dtype for value in MANY.values()]
    assert metadata == notes
    assert path.stat().st_size < 4000


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", MANY, {"x": "1", "y": "2"})
    save_tensors(tmp_path / "b", dict(reversed(MANY.items())), {"y": "2", "x": "1"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_reader_of_the_format_can_read_it(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", MANY, {"x": "1"})
    assert same(safetensors.torch.load_file(tmp_path / "a"), MANY)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_no_damage_goes_unseen(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damage")
    save_tensors(folder / "a", MANY, {"x": "1"})
    whole = bytearray((folder / "a").read_bytes())
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "b").write_bytes(whole)
    with pytest.raises(QuickstudyError) as error:
        load_tensors(folder / "b")
    one_sentence(error, folder / "b")


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "b"
    path.write_bytes(content)
    with pytest.raises(QuickstudyError):
        load_tensors(path)


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "plain")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_bytes((40_000).to_bytes(8, "little") + b"[" * 40_000)
    (tmp_path / "huge header").write_bytes((2**63).to_bytes(8, "little") + b"{}")
    (tmp_path / "list").write_bytes((8).to_bytes(8, "little") + b"[1,2,3] ")
    for name, hint in [
        ("plain", "no file of quickstudy's"),
        ("deep", "no file of quickstudy's"),
        ("huge header", "no file of quickstudy's"),
        ("list", "no file of quickstudy's"),
        ("pipe", "device or pipe"),
        ("missing", "no such file"),
        (".", "folder"),
        ("a\0b", "NUL"),
    ]:
        path = tmp_path / name if name != "." else tmp_path
        with pytest.raises(QuickstudyError) as error:
            load_tensors(path)
        assert hint in one_sentence(error, path)


def test_sizes_are_limited_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tensors(tmp_path / "a", {"w": torch.ones(1000)}, {})
    with pytest.raises(QuickstudyError, match="takes 4 KiB, and 100 bytes is the most"):
        load_tensors(tmp_path / "a", limit=100)
    monkeypatch.setattr(tensors, "HEADER_LIMIT", 1000)
    with pytest.raises(QuickstudyError, match="fewer or shorter texts"):
        save_tensors(tmp_path / "b", {}, {"text": "x" * 1000})
    assert names(tmp_path) == ["a"]


def test_the_digest_sees_every_bit_and_not_the_order() -> None:
    first = digest(MANY)
    assert first == digest(dict(reversed(MANY.items())))
    changed = {
        "value": {**MANY, "exact": torch.nextafter(MANY["exact"], torch.tensor(9.0))},
        "zero": {**MANY, "none": torch.zeros(0, 8)},
        "shape": {**MANY, "mask": MANY["mask"][None]},
        "name": {f"{name}.": value for name, value in MANY.items()},
        "type": {**MANY, "mask": MANY["mask"].to(torch.uint8)},
    }
    assert len({first, *map(digest, changed.values())}) == 6
