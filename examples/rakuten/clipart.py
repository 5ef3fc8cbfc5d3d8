"""Pictures of the Open Clip Art Library, chosen and prepared for the sample."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

SIDE = 160
LEAST, MOST = 25, 100
HELD_OUT = 2
MAX_PIXELS = 64_000_000
SEED = "tlkit sample 1"
PNG_FOLDER = "usr/share/openclipart/png"


@dataclass(frozen=True)
class Category:
    """One class of the sample: its invented code, its name, and folders of the package."""

    code: int
    name: str
    folders: tuple[str, ...]


# Of the folders with enough pictures, electronics (much like computer hardware) and party (much
# like holiday) are left out. Codes start with 9: none is a code of the challenge, so that nobody
# mistakes one for the other.
CATEGORIES = tuple(
    Category(9001 + number, name, tuple(folders))
    for number, (name, *folders) in enumerate(
        (
            ("birds", "animals/birds"),
            ("bugs", "animals/bugs"),
            ("mammals", "animals/mammals"),
            ("homes", "buildings/homes"),
            ("computer hardware", "computer/hardware"),
            ("beverages", "food/beverages"),
            ("breads", "food/breads_and_carbs"),
            ("desserts", "food/desserts"),
            ("fruit", "food/fruit"),
            ("meats and eggs", "food/meats_and_eggs"),
            ("geography", "geography"),
            ("office", "office"),
            ("clothing", "people/clothing"),
            ("smilies", "people/smilies"),
            ("flowers", "plants/flowers"),
            (
                "playing cards",
                "recreation/games/cards/simple",
                "recreation/games/cards/ornamental",
            ),
            ("holiday", "recreation/holiday"),
            ("music", "recreation/music"),
            ("sports", "recreation/sports"),
            ("toys", "recreation/toys"),
            ("clocks", "signs_and_symbols/clocks"),
            ("flags", "signs_and_symbols/flags"),
            ("weather", "signs_and_symbols/weather"),
            ("tools", "tools"),
            ("boating", "transportation/boating"),
            ("road signs", "transportation/roadsigns"),
            ("vehicles", "transportation/vehicles"),
        )
    )
)


@dataclass(frozen=True)
class Picture:
    """One picture of the sample: where it came from, its class, and its pixels."""

    path: str
    category: Category
    image: Image.Image


class Unfit(Exception):  # noqa: N818 - a reason to leave a picture out
    """Why a picture is not in the sample."""


def select(
    source: Path, categories: tuple[Category, ...], skipped: list[tuple[str, str]]
) -> tuple[list[Picture], list[Picture]]:
    """Choose labelled and held-out pictures; what is left out is added to ``skipped``.

    A picture that several files show (the package links many into a second folder) stays in the
    first category that has it.
    """
    seen: dict[bytes, str] = {}
    train: list[Picture] = []
    test: list[Picture] = []
    for category in categories:
        pictures = sorted(_pictures(source, category, seen, skipped), key=_lot)
        held_out = HELD_OUT if len(pictures) >= LEAST + HELD_OUT else 0
        test += pictures[:held_out]
        train += pictures[held_out:][:MOST]
        over = pictures[held_out + MOST :]
        skipped += [(picture.path, f"more than {MOST} in its class") for picture in over]
    return sorted(train, key=_shuffled), sorted(test, key=_shuffled)


def _pictures(
    source: Path, category: Category, seen: dict[bytes, str], skipped: list[tuple[str, str]]
) -> Iterator[Picture]:
    for path in _png_files(source, category):
        name = path.relative_to(source).as_posix()
        try:
            image = prepare(path)
        except Unfit as reason:
            skipped.append((name, str(reason)))
            continue
        first = seen.setdefault(hashlib.sha256(image.tobytes()).digest(), name)
        if first == name:
            yield Picture(name, category, image)
        else:
            skipped.append((name, f"same picture as {first}"))


def _png_files(source: Path, category: Category) -> list[Path]:
    folders = [source / folder for folder in category.folders]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise SystemExit(
            f"No folder {', '.join(missing)}; expected the category folders of openclipart-png. "
            f"Pass the unpacked package's {PNG_FOLDER} as --source, or the .deb as --package."
        )
    found = [path for folder in folders for path in folder.rglob("*.png")]
    return sorted(found, key=lambda path: path.relative_to(source).as_posix())


def prepare(path: Path) -> Image.Image:
    """Put a picture on white, its longest side scaled to 160, padded to a square.

    Raises:
        Unfit: It cannot be decoded, is larger than 64 million pixels, or shows nothing.
    """
    on_white = _on_white(path)
    scale = SIDE / max(on_white.size)
    width, height = (max(1, round(side * scale)) for side in on_white.size)
    small = on_white.resize((width, height), Image.Resampling.BICUBIC)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    if square.getcolors(1) is not None:
        raise Unfit("shows nothing but one colour")
    return square


def _on_white(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=("PNG",))
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise Unfit(f"declares {image.width:,} x {image.height:,} pixels")
            colours = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unfit(f"cannot be decoded: {str(error).replace(str(path), path.name)}") from error
    white = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(white, colours).convert("RGB")


def unpack(package: Path, folder: Path) -> Path:
    """Unpack the PNG files of a Debian package.

    Args:
        package: The .deb file: an ``ar`` archive that holds ``data.tar.xz``.
        folder: Where to.

    Returns:
        The folder of category folders.

    Raises:
        SystemExit: The file is not such a package.
    """
    with tarfile.open(fileobj=io.BytesIO(_data_member(package))) as archive:
        wanted = [member for member in archive if member.name.startswith(f"./{PNG_FOLDER}/")]
        archive.extractall(folder, wanted, filter="data")
    return folder / PNG_FOLDER


def _data_member(package: Path) -> bytes:
    with package.open("rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise SystemExit(f"{package} is not a Debian package; expected openclipart-png's .deb.")
        while header := file.read(60):
            name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
            if name == "data.tar.xz":
                return lzma.decompress(file.read(size))
            file.seek(size + size % 2, io.SEEK_CUR)
    raise SystemExit(f"{package} holds no data.tar.xz; unpack it and pass the folder as --source.")


def _lot(picture: Picture) -> bytes:
    return hashlib.sha256(f"{SEED}|chosen|{picture.path}".encode()).digest()


def _shuffled(picture: Picture) -> bytes:
    return hashlib.sha256(f"{SEED}|order|{picture.path}".encode()).digest()
