"""Write the sets of pictures of docs/training.md's tables, one folder of class folders for each.

They come from packages that anybody can get; a set whose package is not given is left out:

    apt-get install tuxpaint-stamps-default openclipart-png
    pip download --no-deps elpv-dataset
    npm pack emoji-datasource-google
    python benchmarks/sets.py sets --cells elpv_dataset-*.whl --emoji emoji-datasource-google-*.tgz

The same versions of the packages give the same files. Drawings come from folders of which the
example's sample has none.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from clipart import CATEGORIES, MAX_PIXELS  # noqa: E402

# A class name, a file name, and the bytes of a picture.
Picture = tuple[str, str, bytes]
FEWEST_STAMPS, FEWEST_DRAWINGS, MOST_DRAWINGS, CELLS = 14, 20, 100, 1200
NO_EMOJI = ("Component", "Flags")


def stamps(folder: Path) -> Iterator[Picture]:
    """Yield the stamps of Tux Paint; a class is a top folder with enough of them."""
    for top in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(top.rglob("*.png"))
        if len(files) >= FEWEST_STAMPS:
            yield from _read(top.name, files, folder)


def clipart(folder: Path) -> Iterator[Picture]:
    """Yield drawings of folders of the second level of which the sample has none."""
    taken = {"/".join(name.split("/")[:2]) for each in CATEGORIES for name in each.folders}
    for second in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        name = second.relative_to(folder).as_posix()
        if name in taken or second.parent.name in taken:
            continue
        files = sorted(path for path in second.rglob("*.png") if _small(path))
        if len(files) >= FEWEST_DRAWINGS:
            spread = np.linspace(0, len(files) - 1, min(len(files), MOST_DRAWINGS)).astype(int)
            yield from _read(name, [files[place] for place in spread], folder)


def cells(wheel: Path) -> Iterator[Picture]:
    """Yield solar cells of the ELPV dataset; a class is one of four probabilities of a defect."""
    with zipfile.ZipFile(wheel) as packed:
        text = packed.read("elpv_dataset/data/labels.csv").decode()
        rows = [line.split() for line in text.splitlines()]
        for place in np.sort(np.random.default_rng(0).permutation(len(rows))[:CELLS]):
            path, probability, _ = rows[place]
            yield probability, Path(path).name, packed.read(f"elpv_dataset/data/{path}")


def emoji(package: Path) -> Iterator[Picture]:
    """Yield Google's emoji, 64 pixels wide; a class is a category of Unicode."""
    with tarfile.open(package) as packed:
        known = json.loads(_member(packed, "package/emoji.json"))
        for each in known:
            if each["has_img_google"] and each["category"] not in NO_EMOJI:
                content = _member(packed, f"package/img/google/64/{each['image']}")
                yield each["category"], each["image"], content


def digits() -> Iterator[Picture]:
    """Yield the handwritten digits that come with scikit-learn, 8 pixels wide."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        buffer = io.BytesIO()
        Image.fromarray((image.reshape(8, 8) * 255 / 16).astype("uint8")).save(buffer, "PNG")
        yield str(label), f"{number:04}.png", buffer.getvalue()


def _read(name: str, files: Iterable[Path], folder: Path) -> Iterator[Picture]:
    for file in files:
        yield name, "_".join(file.relative_to(folder).parts), file.read_bytes()


def _small(path: Path) -> bool:
    """Return whether a picture can be read, and is not one of hundreds of millions of pixels."""
    try:
        with Image.open(path) as image:
            return image.width * image.height <= MAX_PIXELS
    except (OSError, Image.DecompressionBombError):
        return False


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    file = packed.extractfile(name)
    assert file is not None, f"{name} is no file"
    return file.read()


def write(pictures: Iterable[Picture], folder: Path) -> None:
    """Write pictures as files, and print how many of each class."""
    counts: dict[str, int] = defaultdict(int)
    for label, name, content in pictures:
        place = folder / label.replace("/", " ")
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
        counts[label] += 1
    told = ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
    print(f"{folder}: {sum(counts.values())} pictures in {len(counts)} classes: {told}")


def main() -> None:
    """Write the sets whose packages are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    share = Path("/usr/share")
    parser.add_argument("--stamps", type=Path, default=share / "tuxpaint" / "stamps")
    parser.add_argument("--clipart", type=Path, default=share / "openclipart" / "png")
    parser.add_argument("--cells", type=Path, help="the wheel of elpv-dataset")
    parser.add_argument("--emoji", type=Path, help="the archive of emoji-datasource-google")
    options = parser.parse_args()
    for make in (stamps, clipart, cells, emoji):
        source = getattr(options, make.__name__)
        if source is None or not source.exists():
            print(f"no {make.__name__}: {source or 'its package is not given'}")
            continue
        write(make(source), options.out / make.__name__)
    write(digits(), options.out / "digits")


if __name__ == "__main__":
    main()
