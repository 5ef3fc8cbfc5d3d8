"""What a rehearsal of the study is drawn from: the class, file and damage of each picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import PIL
from drawn import Look, draw
from numpy.typing import NDArray
from published import CLASS_SIZES

ALL = sum(CLASS_SIZES.values())
LEAST = 4 * len(CLASS_SIZES)
FIRST_ID = 8_000_000_000
# Shares of the pictures: of another class than the table says, the same file under two ids.
OTHERWISE, TWICE = 0.1, 0.01


class Row(NamedTuple):
    """One file.

    Args:
        number: Of the picture.
        drawn: Of the picture whose file it is, for the most part the same.
        shown: Number of that one's class.
        cut: Whether its end is missing.
    """

    number: int
    drawn: int
    shown: int
    cut: bool


@dataclass(frozen=True)
class Rehearsal:
    """What is drawn; everything follows from it.

    Args:
        pictures: How many.
        seed: Of everything random.
        damaged: How many files are cut off.
        pillow: Version that writes the files.
    """

    pictures: int
    seed: int
    damaged: int
    pillow: str = PIL.__version__

    def classes(self) -> NDArray[np.int64]:
        """Return the number of each picture's class, in the order of ``CLASS_SIZES``."""
        classes = np.repeat(np.arange(len(CLASS_SIZES)), class_sizes(self.pictures))
        return np.random.default_rng(self.seed).permutation(classes)

    def twins(self) -> dict[int, int]:
        """Return the numbers of pictures that are files of others, and of which."""
        random = np.random.default_rng((self.seed, 1))
        chosen = random.permutation(self.pictures)[: 2 * max(1, round(TWICE * self.pictures))]
        # Most of them side by side with one of their class.
        chosen = chosen[np.argsort(self.classes()[chosen], kind="stable")]
        return {int(a): int(b) for a, b in chosen.reshape(-1, 2)}

    def rows(self) -> list[Row]:
        """Return what each file holds."""
        classes, twins, cut = self.classes(), self.twins(), self.cut_off()
        files = ((n, twins.get(n, n)) for n in range(self.pictures))
        return [Row(n, drawn, int(classes[drawn]), n in cut) for n, drawn in files]

    def content(self, row: Row) -> bytes:
        """Return the file of a picture."""
        random = np.random.default_rng((self.seed, 3, row.drawn))
        shown = row.shown
        if random.random() < OTHERWISE:
            shown = int(random.integers(len(CLASS_SIZES)))
        content = draw(Look.of(shown), random)
        return content[: len(content) // 2] if row.cut else content

    def cut_off(self) -> frozenset[int]:
        """Return the numbers of the files that are cut off."""
        random = np.random.default_rng((self.seed, 2))
        return frozenset(map(int, random.choice(self.pictures, self.damaged, replace=False)))


def class_sizes(pictures: int) -> NDArray[np.int64]:
    """Return how many pictures each class has: its share of the challenge's, 2 at least."""
    exact = np.array([*CLASS_SIZES.values()]) * (pictures / ALL)
    sizes = np.maximum(2, np.floor(exact)).astype(np.int64)
    for place in np.argsort(sizes - exact, kind="stable")[: max(0, pictures - sizes.sum())]:
        sizes[place] += 1
    sizes[0] -= sizes.sum() - pictures
    return sizes


def ids(number: int) -> tuple[int, int]:
    """Return the productid and the imageid of a picture."""
    return FIRST_ID + ALL + number, FIRST_ID + number


def file_name(number: int) -> str:
    """Return the name of a picture's file."""
    product, image = ids(number)
    return f"image_{image}_product_{product}.jpg"
