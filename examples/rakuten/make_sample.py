"""Build the sample that ships with this example, in the file layout of the Rakuten challenge.

The pictures come from the Open Clip Art Library (public domain), as Debian packages it:

    apt-get download openclipart-png
    python examples/rakuten/make_sample.py --package openclipart-png_*_all.deb

The same package gives the same files, byte for byte, with the same Pillow.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import PIL
from clipart import CATEGORIES, LEAST, MOST, SIDE, Category, Picture, select, unpack

QUALITY = 88
FIRST_ID = 9_000_000_000


def main(arguments: list[str] | None = None) -> int:
    """Build the sample and say how large it is."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        source = options.source or unpack(options.package, Path(scratch))
        origin = options.package.name if options.package else options.source.name
        digest = _sha256(options.package) if options.package else "none: built from a folder"
        count = build(source, options.out, origin=origin, digest=digest)
    print(f"{count} pictures, {_size(options.out) / 1e6:.1f} MB in {options.out}")
    return 0


def build(
    source: Path,
    out: Path,
    *,
    origin: str,
    digest: str,
    categories: tuple[Category, ...] = CATEGORIES,
    least: int = LEAST,
) -> int:
    """Write the sample.

    Args:
        source: Folder of category folders with PNG files.
        out: Where to write; replaced when it is there.
        origin: Name of the package, for PROVENANCE.md.
        digest: SHA-256 of the package, for PROVENANCE.md.
        categories: The classes.
        least: Fewest labelled pictures that a class may have.

    Returns:
        Number of pictures written.

    Raises:
        SystemExit: A class has fewer pictures than ``least``, or ``out`` holds something else.
    """
    _refuse_foreign(out)
    skipped: list[tuple[str, str]] = []
    train, test = select(source, categories, skipped)
    _require_enough(train, categories, least)
    fresh = out.with_name(f".{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    write_sample(fresh, train, test, categories)
    text = provenance(train, test, categories, skipped, origin, digest)
    (fresh / "PROVENANCE.md").write_text(text, encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
    return len(train) + len(test)


def write_sample(
    out: Path, train: list[Picture], test: list[Picture], categories: tuple[Category, ...]
) -> None:
    """Write pictures and tables in the challenge's layout."""
    _write_images(out / "images" / "image_train", train, start=0)
    _write_images(out / "images" / "image_test", test, start=len(train))
    columns = ["", "designation", "description", "productid", "imageid"]
    _write_csv(out / "X_train_update.csv", columns, _rows(train, start=0))
    _write_csv(out / "X_test_update.csv", columns, _rows(test, start=len(train)))
    codes = [[row, picture.category.code] for row, picture in enumerate(train)]
    _write_csv(out / "Y_train_CVw08PX.csv", ["", "prdtypecode"], codes)
    names = [[category.code, category.name] for category in categories]
    _write_csv(out / "classes.csv", ["prdtypecode", "category"], names)


def _rows(pictures: list[Picture], start: int) -> list[list[object]]:
    return [
        [row, designation(picture.path), "", *_ids(row)]
        for row, picture in enumerate(pictures, start)
    ]


def _ids(row: int) -> tuple[int, int]:
    return FIRST_ID + 500_000 + row, FIRST_ID + row


def designation(path: str) -> str:
    """Return a picture's file name in words.

    Example:
        >>> designation("animals/birds/african_grey-parrot_01.png")
        'african grey parrot 01'
    """
    return " ".join(re.split(r"[\W_]+", Path(path).stem)).strip()


def _write_images(folder: Path, pictures: list[Picture], start: int) -> None:
    folder.mkdir(parents=True)
    for row, picture in enumerate(pictures, start):
        product, image = _ids(row)
        jpeg = io.BytesIO()
        picture.image.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
        (folder / f"image_{image}_product_{product}.jpg").write_bytes(jpeg.getvalue())


def _write_csv(path: Path, columns: list[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def provenance(
    train: list[Picture],
    test: list[Picture],
    categories: tuple[Category, ...],
    skipped: list[tuple[str, str]],
    origin: str,
    digest: str,
) -> str:
    """Return the text of PROVENANCE.md."""
    table = "\n".join(_counts_row(category, train, test) for category in categories)
    same = sum("same picture" in reason for _, reason in skipped)
    over = sum(reason.startswith("more than") for _, reason in skipped)
    odd = [(path, why) for path, why in skipped if not why.startswith(("same", "more than"))]
    listed = "\n".join(f"- `{path}`: {why}" for path, why in odd) or "- none"
    return _PROVENANCE.format(
        origin=origin, digest=digest, pillow=PIL.__version__, table=table, train=len(train),
        test=len(test), same=same, over=over, listed=listed, most=MOST, side=SIDE, quality=QUALITY,
    )  # fmt: skip


_PROVENANCE = """\
# Where these pictures come from

The [Open Clip Art Library](https://openclipart.org), whose authors dedicated the pictures to the
public domain, as packaged by Debian in `openclipart-png`. They have nothing to do with Rakuten:
only the file layout and the column names are those of the Rakuten France challenge. Product
codes and ids are invented; figures measured on this sample say nothing about the challenge.

- Package: `{origin}`
- SHA-256 of the package: `{digest}`
- Labelled pictures: {train}. Held out without labels: {test}.
- Each picture: transparent pixels on white, longest side scaled to {side}, padded to a square,
  JPEG quality {quality}. Designation: the picture's file name in words.

## Rebuild

    apt-get download openclipart-png
    python examples/rakuten/make_sample.py --package openclipart-png_*_all.deb

Built with Pillow {pillow}; the same package and the same Pillow give the same bytes.

## Classes

| prdtypecode | Category | Folders of the package | Labelled | Held out |
|---|---|---|---|---|
{table}

## Left out

- {same} files that show the same pixels as another one (the first in the order above stays).
- {over} pictures beyond {most} labelled ones in a class, chosen by a seeded draw.

Not usable:

{listed}
"""


def _counts_row(category: Category, train: list[Picture], test: list[Picture]) -> str:
    labelled = sum(picture.category == category for picture in train)
    held_out = sum(picture.category == category for picture in test)
    folders = ", ".join(category.folders)
    return f"| {category.code} | {category.name} | {folders} | {labelled} | {held_out} |"


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not (out / "PROVENANCE.md").is_file():
        raise SystemExit(f"{out} is there and is no sample; pass a new folder as --out.")


def _require_enough(train: list[Picture], categories: tuple[Category, ...], least: int) -> None:
    for category in categories:
        count = sum(picture.category == category for picture in train)
        if count < least:
            raise SystemExit(f"{category.name} has {count} pictures; expected at least {least}.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--package", type=Path, help="openclipart-png's .deb file")
    origin.add_argument("--source", type=Path, help="folder of category folders, unpacked")
    default = Path(__file__).parent / "sample"
    parser.add_argument("--out", type=Path, default=default, help="where to write (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
