"""What there is to say on the parts of a split: pictures that are on two sides of it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Sequence

from tlkit.data.duplicates import NamedImages, split_note

_PARTS = ("first", "second", "third")


def notes_of_parts(parts: Sequence[NamedImages]) -> Iterable[str | None]:
    """Yield a line for each two parts that share a picture."""
    for (first, one), (second, other) in itertools.combinations(
        zip(_PARTS, parts, strict=False), 2
    ):
        yield split_note(one, other, f"the {first} part", f"the split's {second} part")


def notes_of_folds(pairs: Sequence[tuple[NamedImages, NamedImages]]) -> Iterable[str | None]:
    """Yield a line for each fold that trains and validates on one picture."""
    for number, pair in enumerate(pairs, 1):
        yield split_note(*pair, "its training part", f"the validation part of fold {number}")


def warn(notes: Iterable[str | None], *, stacklevel: int) -> None:
    """Warn of each that there is.

    Args:
        notes: Lines.
        stacklevel: As in ``warnings.warn``, counted from the caller's place.
    """
    for note in notes:
        if note is not None:
            warnings.warn(note, stacklevel=stacklevel)
