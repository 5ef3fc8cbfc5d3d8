"""Pictures wherever fsspec reaches them: the same as in folders, and no password is printed."""

from __future__ import annotations

import logging
import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tlkit
from tests.data.conftest import WriteImage
from tlkit import ImageDataset
from tlkit._urls import is_url, without_secrets
from tlkit.data.scans import NothingKnown, Scan
from tlkit.errors import DamagedImageError, DataError, TableError

fsspec = pytest.importorskip("fsspec", reason="it is in the extra tlkit[fsspec]")


@pytest.fixture
def memory(folders: Path, write_image: WriteImage) -> Iterator[str]:
    """The pictures of a folder in fsspec's memory, with what lies beside them."""
    for name in ("cat/deep/x.jpg", "cat/.hidden.jpg", "@eaDir/y.jpg"):
        write_image(name)
    (folders / "notes.txt").write_text("x")
    system = fsspec.filesystem("memory")
    system.put(str(folders), "/pictures", recursive=True)
    yield "memory://pictures"
    system.rm("/pictures", recursive=True)


@pytest.fixture
def archive(folders: Path, memory: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same pictures in a zip file."""
    assert memory
    file = tmp_path_factory.mktemp("archive") / "all.zip"
    with zipfile.ZipFile(file, "w") as made:
        for path in sorted(folders.rglob("*")):
            made.write(path, Path("in", path.relative_to(folders)))
    return f"zip://in::{file}"


@pytest.mark.parametrize("kind", ["memory", "archive"])
def test_folders_lists_and_tables_are_those_of_this_machine(
    folders: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue("archive")
    root = root if kind == "archive" else request.getfixturevalue("memory")
    here, there = ImageDataset.from_directory(folders), ImageDataset.from_directory(root)
    link, colons, rest = root.partition("::")
    files = [f"{link}/{name}{colons}{rest}" for name in here.names]
    table = {"image": list(here.names), "label": [name[:3] for name in here.names]}
    labelled = ImageDataset.from_dataframe(table, image="image", label="label", root=root)
    unlabelled = (ImageDataset.from_files(files), ImageDataset.from_files(root))
    assert "cat/deep/x.jpg" in here.names
    assert (there.names, set(there.ignored)) == (here.names, set(here.ignored))
    assert unlabelled[0].names == tuple(files)
    assert unlabelled[1].fingerprint == ImageDataset.from_files(folders).fingerprint
    for data in (there, labelled, unlabelled[0], pickle.loads(pickle.dumps(there))):  # noqa: S301
        np.testing.assert_array_equal(data.image_digests, here.image_digests)
        np.testing.assert_array_equal(data.load([4, 1], 8), here.load([4, 1], 8))
    assert there.check().ok
    assert (there + labelled).class_counts == {"cat": 8, "dog": 4}


def test_what_is_known_of_a_file_is_used_until_it_changes(archive: str) -> None:
    class Memory(dict[bytes, Scan]):
        def add(self, key: bytes, scan: Scan) -> None:
            self[key] = scan

    memory = Memory()
    assert ImageDataset.from_directory(archive).scan(memory).ok
    assert len(memory) == 6
    again = ImageDataset.from_directory(archive)
    assert again.scan(memory).ok
    assert len(memory) == 6
    file = archive.partition("::")[2]
    with zipfile.ZipFile(file) as before:
        contents = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(file, "w") as after:
        for name, content in contents.items():
            after.writestr(name, b"other" if name.endswith("a.jpg") else content)
    report = ImageDataset.from_directory(archive).scan(memory)
    assert [x.name for x in report.damaged] == ["cat/a.jpg"]


def test_a_file_that_changed_or_went_is_told_by_name(memory: str) -> None:
    data, system = ImageDataset.from_directory(memory), fsspec.filesystem("memory")
    data.scan(NothingKnown())
    system.pipe("/pictures/cat/a.jpg", system.cat_file("/pictures/dog/dddd.jpg"))
    with pytest.raises(DataError, match=r"cat/a\.jpg has changed"):
        data.load([0], 8)
    system.rm("/pictures/dog/dddd.jpg")
    with pytest.raises(DamagedImageError, match=r"memory://pictures/dog/dddd\.jpg cannot be read"):
        data.load([4], 8)


@pytest.mark.parametrize("path", ["../x.jpg", "/etc/x.jpg", "s3://other/x.jpg", "cat/../../x.jpg"])
def test_a_table_stays_below_its_root(memory: str, path: str) -> None:
    with pytest.raises(TableError, match="outside of root"):
        ImageDataset.from_dataframe({"i": [path]}, image="i", label=None, root=memory)


def test_what_is_not_there_is_named(memory: str) -> None:
    with pytest.raises(DataError, match="'memory://nowhere' is not a folder"):
        ImageDataset.from_directory("memory://nowhere")
    with pytest.raises(TableError, match=r"1 of 1 rows .* row 0: cat/no\.jpg"):
        ImageDataset.from_dataframe({"i": ["cat/no.jpg"]}, image="i", label=None, root=memory)
    with pytest.raises(DataError, match=r"1 of 2 paths lead to no file: 'memory://.*/b\.jpg'"):
        ImageDataset.from_files([f"{memory}/cat/a.jpg", f"{memory}/b.jpg"])
    with pytest.raises(DataError, match=r"nope://x cannot be opened: .*Protocol not known"):
        ImageDataset.from_files("nope://x")


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it now fails
    with pytest.raises(DataError, match=r"pip install 'tlkit\[fsspec\]'"):
        ImageDataset.from_directory("s3://bucket/pictures")


SECRET = st.text(st.characters(categories=["L", "N"], max_codepoint=1000), min_size=8)


@settings(max_examples=30)
@given(SECRET, SECRET, st.text())
def test_users_and_signatures_are_not_printed(user: str, secret: str, other: str) -> None:
    text = f"{other} ftp://{user}:{secret}@host/a.jpg https://host/a.jpg?sig={secret}"
    shown = without_secrets(text).removeprefix(other)
    assert secret not in shown
    assert "://***@host/a.jpg" in shown


def test_a_password_is_in_no_name_error_or_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = "ftp://me:hunter2@localhost:1/pictures"

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(f"cannot connect to {place}")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    table = {"i": [f"{place}/x.jpg"]}
    asks: list[Any] = [
        lambda: ImageDataset.from_directory(place),
        lambda: ImageDataset.from_files(place),
        lambda: ImageDataset.from_files([f"{place}/a.jpg"]),
        lambda: ImageDataset.from_dataframe(table, image="i", label=None, root=place),
    ]
    for ask in asks:
        with pytest.raises(DataError, match=r"ftp://\*\*\*@localhost:1") as told:
            ask()
        assert "hunter2" not in str(told.value)
        assert told.value.__suppress_context__
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("path", [Path("a"), "a/b.jpg", "C:\\a.jpg", "C:/a.jpg", "a:b", "/a:/b"])
def test_a_path_of_this_machine_is_no_address(path: Any) -> None:
    assert not is_url(path)


@pytest.mark.slow
def test_processes_open_the_archive_themselves(archive: str, tmp_path: Path) -> None:
    data = ImageDataset.from_directory(archive)
    settings: dict[str, Any] = {"weights": None, "engine": "keras", "verbose": 0}
    alone = tlkit.extract(tlkit.testing.tiny_backbone(), data, cache=tmp_path / "1", **settings)
    with tlkit.ProcessExecutor(2) as workers:
        settings |= {"executor": workers, "cache": tmp_path / "2"}
        shared = tlkit.extract(tlkit.testing.tiny_backbone(), data, **settings)
    np.testing.assert_allclose(shared, alone, atol=1e-5)
