"""The sample's script makes the challenge's layout, the same way every time."""

from __future__ import annotations

import csv
import importlib
import io
import lzma
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"


@pytest.fixture
def make_sample(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example's script as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module("make_sample")


def draw(path: Path, seed: int, size: tuple[int, int] = (30, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 4)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two categories of three pictures, and all the dirt that the real source has."""
    root = tmp_path / "png"
    for seed in range(3):
        draw(root / f"animals/red_fox-{seed:02}_anna.png", seed)
        draw(root / f"tools/deep/saw{seed}.png", 10 + seed, size=(7, 4))
    (root / "tools/link.png").symlink_to(root / "animals/red_fox-01_anna.png")
    (root / "tools/broken.png").write_bytes(b"\x89PNG")
    Image.new("RGBA", (9, 9), (255, 255, 255, 0)).save(root / "tools/clear.png")
    return root


def categories(make_sample: ModuleType) -> tuple[Any, ...]:
    category = make_sample.Category
    return (category(9101, "animals", ("animals",)), category(9102, "tools", ("tools",)))


def build(make_sample: ModuleType, source: Path, out: Path, least: int = 3) -> int:
    return int(
        make_sample.build(
            source,
            out,
            origin="tiny.deb",
            digest="abc",
            categories=categories(make_sample),
            least=least,
        )
    )


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_rebuild_gives_the_same_bytes(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    assert build(make_sample, source, tmp_path / "one") == 6
    build(make_sample, source, tmp_path / "two")
    first = files(tmp_path / "one")
    build(make_sample, source, tmp_path / "one")
    assert first == files(tmp_path / "one") == files(tmp_path / "two")


def test_the_sample_has_the_challenges_layout(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sample"
    build(make_sample, source, out)
    products, types = rows(out / "X_train_update.csv"), rows(out / "Y_train_CVw08PX.csv")
    assert list(products[0]) == ["", "designation", "description", "productid", "imageid"]
    assert list(types[0]) == ["", "prdtypecode"]
    assert [row[""] for row in products] == [row[""] for row in types] == list("012345")
    assert sorted(row["prdtypecode"] for row in types) == ["9101"] * 3 + ["9102"] * 3
    assert "red fox 00 anna" in {row["designation"] for row in products}
    for row in products:
        name = f"image_{row['imageid']}_product_{row['productid']}.jpg"
        with Image.open(out / "images" / "image_train" / name) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (160, 160))


def test_what_is_left_out_is_listed(make_sample: ModuleType, source: Path, tmp_path: Path) -> None:
    build(make_sample, source, tmp_path / "sample")
    text = (tmp_path / "sample" / "PROVENANCE.md").read_text()
    assert "`tools/broken.png`: cannot be decoded" in text
    assert "`tools/clear.png`: shows nothing but one colour" in text
    assert "1 files that show the same pixels" in text
    assert "public domain" in text
    assert "apt-get download openclipart-png" in text
    assert "| 9101 | animals | animals | 3 | 0 |" in text


@pytest.mark.usefixtures("make_sample")
def test_pictures_are_padded_with_white(tmp_path: Path) -> None:
    draw(tmp_path / "wide.png", 0, size=(20, 40))
    square = np.asarray(importlib.import_module("clipart").prepare(tmp_path / "wide.png"))
    assert square.shape == (160, 160, 3)
    assert square[:40].min() == square[120:].min() == 255
    assert square[40:120].min() < 255


def test_large_classes_are_capped_and_give_two_held_out_pictures(
    make_sample: ModuleType, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clipart = importlib.import_module("clipart")
    monkeypatch.setattr(clipart, "LEAST", 3)
    monkeypatch.setattr(clipart, "MOST", 4)
    for seed in range(9):
        draw(source / f"animals/more{seed}.png", 50 + seed)
    build(make_sample, source, tmp_path / "sample")
    types = rows(tmp_path / "sample" / "Y_train_CVw08PX.csv")
    assert [row["prdtypecode"] for row in types].count("9101") == 4
    held_out = rows(tmp_path / "sample" / "X_test_update.csv")
    assert [row[""] for row in held_out] == ["7", "8"]
    assert len(list((tmp_path / "sample" / "images" / "image_test").iterdir())) == 2


def test_a_debian_package_is_unpacked(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        archive.add(source / "animals", "./usr/share/openclipart/png/animals")
        archive.add(source / "tools", "./usr/share/doc/tools")
    members = {"debian-binary": b"2.0", "data.tar.xz": lzma.compress(inner.getvalue())}
    package = tmp_path / "tiny.deb"
    with package.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, body in members.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode())
            file.write(body + b"\n" * (len(body) % 2))
    unpacked = make_sample.unpack(package, tmp_path / "out")
    assert sorted(path.name for path in unpacked.rglob("*.png")) == sorted(
        path.name for path in (source / "animals").iterdir()
    )
    assert not (tmp_path / "out/usr/share/doc").exists()


def test_a_class_that_is_too_small_stops_the_build(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="animals has 3 pictures; expected at least 4"):
        build(make_sample, source, tmp_path / "sample", least=4)
    assert not (tmp_path / "sample").exists()


def test_a_source_that_is_something_else_is_refused(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"No folder .*birds.*unpacked"):
        make_sample.main(["--source", str(source), "--out", str(tmp_path / "sample")])
    (tmp_path / "notes.deb").write_bytes(b"hello")
    with pytest.raises(SystemExit, match="not a Debian package"):
        make_sample.main(["--package", str(tmp_path / "notes.deb"), "--out", str(tmp_path / "s")])


def test_a_folder_that_holds_something_else_is_never_replaced(
    make_sample: ModuleType, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("keep me")
    with pytest.raises(SystemExit, match="is no sample"):
        build(make_sample, source, tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.txt").is_file()
