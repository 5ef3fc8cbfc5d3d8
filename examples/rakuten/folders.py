"""Lay some of the sample out as people have pictures: a folder for each class, and new ones.

    python examples/rakuten/folders.py

makes ``pictures``, with a folder for each of eight classes, and ``new pictures``, without labels,
where it is called. The tutorials of the documentation begin with these two folders.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from challenge import read_challenge

SAMPLE = Path(__file__).parent / "sample"
CLASSES = ("birds", "bugs", "clocks", "desserts", "flowers", "fruit", "mammals", "vehicles")
EACH, NEW = 40, 3


def main(arguments: list[str] | None = None) -> int:
    """Lay the pictures out and say how many there are."""
    options = _parser().parse_args(arguments)
    labelled, new = lay_out(options.to, classes=options.classes, each=options.each)
    for number, name in ((labelled, "pictures"), (new, "new pictures")):
        print(f"{number} pictures in {options.to / name}")
    return 0


def lay_out(
    to: Path, *, classes: tuple[str, ...] = CLASSES, each: int = EACH, new: int = NEW
) -> tuple[int, int]:
    """Copy pictures of the sample into ``pictures/CLASS`` and ``new pictures``.

    Args:
        to: The folder of both; they must not be there yet.
        classes: Which classes.
        each: Most labelled pictures of a class.
        new: Pictures of each class that go, unlabelled and mixed, into ``new pictures``.

    Returns:
        Number of labelled pictures and of new ones.
    """
    data = read_challenge(SAMPLE)
    unlabelled = []
    for name in classes:
        number = data.class_names.index(name)
        both = zip(data.names, data.labels, strict=True)
        files = [file for file, label in both if label == number]
        unlabelled += enumerate(files[:new])
        (to / "pictures" / name).mkdir(parents=True)
        for place, file in enumerate(files[new : new + each], start=1):
            shutil.copyfile(SAMPLE / file, to / "pictures" / name / f"{place:02}.jpg")
    (to / "new pictures").mkdir()
    for place, (_, file) in enumerate(sorted(unlabelled), start=1):
        shutil.copyfile(SAMPLE / file, to / "new pictures" / f"IMG_{place:04}.jpg")
    return sum(1 for _ in (to / "pictures").glob("*/*")), len(unlabelled)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Lay the sample out as a folder for each class.")
    parser.add_argument("--to", type=Path, default=Path(), help="folder of both, default: this one")
    parser.add_argument("--classes", nargs="+", default=CLASSES, help="default: %(default)s")
    parser.add_argument("--each", type=int, default=EACH, help="pictures of a class, at most")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
