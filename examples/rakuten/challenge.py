"""Reads a folder in the file layout of the Rakuten France challenge: the real one or the sample."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tlkit import ImageDataset
from tlkit.errors import TableError

PRODUCTS = "X_train_update.csv"
TYPES = "Y_train_CVw08PX.csv"
CLASSES = "classes.csv"
IMAGES = "images/image_train"
SHOWN = 5
# Missing images that a message names.
LISTED = 1000

Rows = dict[str, tuple[str, ...]]


def read_challenge(root: str | Path) -> ImageDataset:
    """Return the labelled products of the challenge, in the order of their table.

    Args:
        root: Folder with ``X_train_update.csv``, ``Y_train_CVw08PX.csv`` and
            ``images/image_train/image_{imageid}_product_{productid}.jpg``. A ``classes.csv``
            (prdtypecode, category) is optional and names the classes; the sample has one.

    Returns:
        The dataset. Classes are the categories, sorted; without ``classes.csv`` the codes.

    Raises:
        TableError: A file, a column, a row's partner, or an image is missing, or a code or an id
            is no number; the message names the file and the row.

    Example:
        >>> read_challenge("examples/rakuten/sample").class_names[:2]
        ('beverages', 'birds')
    """
    folder = Path(root)
    products = read_rows(folder, PRODUCTS, ("productid", "imageid"))
    types = read_rows(folder, TYPES, ("prdtypecode",))
    _require_same_rows(products, types)
    codes = {index: _number(types[index][0], TYPES, index, "prdtypecode") for index in products}
    images = {index: _image(index, *ids) for index, ids in products.items()}
    table = {
        "image": [*images.values()],
        "label": _labels(folder, list(codes.values())),
    }
    try:
        return ImageDataset.from_dataframe(table, image="image", label="label", root=folder)
    except TableError as error:
        if error.missing:
            raise _not_there(folder, images, error.missing) from error
        raise


def read_rows(folder: Path, name: str, columns: Iterable[str]) -> Rows:
    """Return some columns of one of the challenge's tables.

    Args:
        folder: The challenge's folder.
        name: The table's file name. Its first column has no name and holds the row's index.
        columns: The columns wanted.

    Returns:
        The wanted cells of each row, by the row's index, in the order of the file.

    Raises:
        TableError: The file or a column is missing, an index comes twice, or it is no such table.
    """
    _require_file(folder, name)
    try:
        with (folder / name).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            wanted = [_position(header, column, name) for column in ("", *columns)]
            return _collect(reader, wanted, name, len(header))
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(
            f"{name} cannot be read: {error}. Expected comma-separated UTF-8 text; get it again."
        ) from error


def _collect(reader: Iterable[list[str]], wanted: list[int], name: str, width: int) -> Rows:
    rows: Rows = {}
    for number, cells in enumerate(reader):
        if not cells:
            continue
        if len(cells) != width:
            raise TableError(
                f"{name}: row {number} (counted from 0) has {len(cells)} cells; the header has "
                f"{width}. Is the file whole, and are its quotes?"
            )
        index, *values = (cells[position] for position in wanted)
        if index in rows:
            raise TableError(f"{name}: index {index!r} comes twice (row {number}); expected once.")
        rows[index] = tuple(values)
    return rows


def _require_file(folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise TableError(f"{str(folder)!r} is not a folder; expected the one with {name}.")
    if not (folder / name).is_file():
        there = sorted(path.name for path in folder.iterdir())
        near = difflib.get_close_matches(name, there, n=1)
        hint = f"Did you mean {near[0]!r}? Rename it." if near else "Pass the challenge's folder."
        listed = ", ".join(there[:SHOWN]) + (", ..." if len(there) > SHOWN else "")
        raise TableError(f"No {name} in {folder}; it holds {listed or 'nothing'}. {hint}")


def _position(header: list[str], column: str, name: str) -> int:
    if column in header:
        return header.index(column)
    if column == "":
        raise TableError(
            f"{name}: the first column should have no name and hold the row's index; received "
            f"columns {', '.join(map(repr, header)) or 'none'}. Use the challenge's own file."
        )
    near = difflib.get_close_matches(column, header, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else " Use the challenge's own file."
    columns = ", ".join(map(repr, header)) or "none"
    raise TableError(f"{name}: No column {column!r}; received columns {columns}.{hint}")


def _require_same_rows(products: Rows, types: Rows) -> None:
    counts = f"{PRODUCTS} has {len(products)} rows and {TYPES} has {len(types)}"
    for rows, others, name in ((products, types, TYPES), (types, products, PRODUCTS)):
        lonely = [index for index in rows if index not in others]
        if lonely:
            listed = ", ".join(lonely[:SHOWN]) + (", ..." if len(lonely) > SHOWN else "")
            raise TableError(
                f"{counts}: {len(lonely)} are missing in {name}, index {listed}. "
                "Expected the same indices in both; get both files again."
            )


def _number(text: str, name: str, index: str, column: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise TableError(f"{name}: index {index} has {column} {text!r}; expected a whole number.")


def _image(index: str, product: str, image: str) -> str:
    productid = _number(product, PRODUCTS, index, "productid")
    imageid = _number(image, PRODUCTS, index, "imageid")
    return f"{IMAGES}/image_{imageid}_product_{productid}.jpg"


def _not_there(folder: Path, images: dict[str, str], missing: Sequence[int]) -> TableError:
    """Return the error of missing files; all are named, since each must be looked for."""
    named = [*images.items()]
    listed = "".join("\n  index {}: {}".format(*named[row]) for row in missing[:LISTED])
    more = f"\n  and {len(missing) - LISTED:,} more" if len(missing) > LISTED else ""
    return TableError(
        f"{len(missing):,} of {len(images):,} images that {PRODUCTS} names are not in "
        f"{folder / IMAGES}:{listed}{more}\nUnpack the challenge's images there again, or take "
        f"these rows out of {PRODUCTS} and {TYPES}.",
        missing,
    )


def _labels(folder: Path, codes: list[int]) -> list[int] | list[str]:
    if not (folder / CLASSES).is_file():
        return codes
    with (folder / CLASSES).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        code, category = (_position(header, name, CLASSES) for name in ("prdtypecode", "category"))
        names = {cells[code]: cells[category] for cells in reader if cells}
    unnamed = sorted({code for code in codes if str(code) not in names})
    if unnamed or len(set(names.values())) < len(names):
        raise TableError(
            f"{CLASSES} names {len(names)} codes and {len(set(names.values()))} categories; "
            f"expected one category for each code. Without one: {unnamed or 'none'}. "
            f"Correct the file, or take it away to use the codes."
        )
    return [names[str(code)] for code in codes]
