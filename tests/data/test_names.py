"""Names of the world: told where they look alike, and text that can be printed in any case."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.data.conftest import WriteImage
from tlkit import ImageDataset
from tlkit.data._text import alike, as_seen, printable
from tlkit.errors import DataError

ALIKE = [("caf\u00e9", "cafe\u0301"), ("cat", "cat "), ("a b", "a\u00a0b"), ("cat", "c\u200bat")]


@pytest.mark.parametrize("names", ALIKE)
def test_classes_that_look_alike_are_refused_with_both_names(
    tmp_path: Path, write_image: WriteImage, names: tuple[str, str]
) -> None:
    for name in names:
        write_image(f"{name}/x.jpg")
    write_image("other/x.jpg")
    with pytest.raises(DataError, match="look alike") as caught:
        ImageDataset.from_directory(tmp_path)
    assert all(ascii(name) in str(caught.value) for name in names)
    table = {"image": [f"{name}/x.jpg" for name in names], "label": list(names)}
    with pytest.raises(DataError, match="look alike"):
        ImageDataset.from_dataframe(table, image="image", label="label", root=tmp_path)


@given(name=st.text(st.characters(codec=None), max_size=20))
def test_every_name_becomes_text_once_and_for_all(name: str) -> None:
    shown = printable(name)
    shown.encode("utf-8")
    assert printable(shown) == shown
    assert "\n" not in shown
    assert as_seen(as_seen(name)) == as_seen(name)
    assert not alike([name, name])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such names cannot be")
@pytest.mark.parametrize("name", [b"caf\xe9", b"new\nline", b"\x1b[31mred", b"x" * 240])
def test_whatever_is_accepted_is_printed(
    tmp_path: Path, write_image: WriteImage, name: bytes
) -> None:
    text = os.fsdecode(name)
    for folder in (text, "other"):
        write_image(f"{folder}/{text}.jpg")
        (tmp_path / folder / f"{text}.txt").touch()
    data = ImageDataset.from_directory(tmp_path)
    (tmp_path / text / f"{text}.jpg").write_bytes(b"")
    report = data.check()
    assert not report.ok
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    for shown in (data, repr(data), report, data.names, data.class_names, data.ignored):
        print(shown, file=stream)
    (damaged,) = [x.position for x in report.damaged]
    assert len(data.load([1 - damaged], 8)) == 1
    with pytest.raises(DataError) as caught:
        data.load([damaged], 8)
    print(caught.value, file=stream)


@pytest.mark.parametrize("folder", ["@eaDir", "__MACOSX"])
def test_copies_that_systems_keep_are_listed_and_no_part_of_a_class(
    folders: Path, write_image: WriteImage, folder: str
) -> None:
    write_image(f"cat/{folder}/a.jpg")
    write_image(f"{folder}/thumb.jpg")
    (folders / "cat" / "Thumbs.db").touch()
    data = ImageDataset.from_directory(folders)
    assert data.class_counts == {"cat": 3, "dog": 2}
    assert set(data.ignored) == {f"cat/{folder}", folder, "cat/Thumbs.db"}


def test_a_link_that_leads_out_of_its_class_folder_is_listed(folders: Path) -> None:
    (folders / "cat" / "link.jpg").symlink_to(folders / "dog" / "dddd.jpg")
    (folders / "cat" / "inside.jpg").symlink_to(folders / "cat" / "a.jpg")
    data: Any = ImageDataset.from_directory(folders)
    assert data.ignored == ("cat/link.jpg",)
    assert data.class_counts == {"cat": 4, "dog": 2}
