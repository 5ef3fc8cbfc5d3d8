"""Class names where two things meet: classes are the same where their names are, in any order."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit.errors import DataError, TlkitError

Ints = NDArray[np.int64]
_SHOWN = 6


class Labelled(Protocol):
    """What is asked of a data set here."""

    @property
    def labels(self) -> Ints:
        """Class number of each image, (n,)."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in order."""


@dataclass(frozen=True, eq=False)
class Shared:
    """How the classes of a model and those of a data set are numbered together.

    Args:
        names: As the data set numbers its classes; behind them those that the model alone knows.
        columns: Column of the model for each of these names, int64.
        numbers: Number among these names of each class of the data set, int64; -1 for one that the
            model does not know, which has no image.
    """

    names: tuple[str, ...]
    columns: Ints
    numbers: Ints

    @property
    def renumbered(self) -> bool:
        """Whether a class of the data set has another number here."""
        known = np.flatnonzero(self.numbers >= 0)
        return not np.array_equal(self.numbers[known], known)


def known_names(given: object) -> tuple[str, ...] | None:
    """Return the class names that a result or a model knows, in the order of its columns.

    None where it knows none, as a bare ``keras.Model``.

    Example:
        >>> known_names(object()) is None
        True
    """
    for thing in (given, getattr(given, "model", None)):
        names = getattr(thing, "class_names", None)
        if isinstance(names, (list, tuple)) and names and all(isinstance(n, str) for n in names):
            return tuple(names)
    return None


def shared_classes(
    model: Sequence[str] | None,
    dataset: Sequence[str],
    labels: Ints,
    *,
    words: tuple[str, str] = ("the model", "the dataset"),
    error: type[TlkitError] = DataError,
) -> Shared:
    """Find the classes of a data set among those of a model, by name.

    Args:
        model: Names of the model's columns, in order; None where it knows none: then its columns
            are taken to be the data set's classes.
        dataset: Names of the data set's classes, in order.
        labels: Class numbers of its images. A class without an image need not be known.
        words: What to call the two in a message.
        error: Which error to raise.

    Raises:
        DataError: An image is of a class that the model does not know.

    Example:
        >>> shared_classes(["10", "9"], ["9", "10"], np.array([0, 1])).columns
        array([1, 0])
    """
    if model is None:
        everything = np.arange(len(dataset))
        return Shared(tuple(dataset), everything, everything)
    column = {name: number for number, name in enumerate(model)}
    present = {dataset[number] for number in np.unique(labels).tolist()}
    unknown = [name for name in dataset if name in present and name not in column]
    if unknown:
        raise error(
            f"{_sentence(*words)} have different classes. {_both(words, model, dataset)} "
            f"Unknown to {words[0]}: {shown_names(unknown)}.{near_misses(unknown, model)} "
            "Classes are matched by name, so give the same class the same name in both, or leave "
            "its images out with dataset.subset(...)."
        )
    kept = [name for name in dataset if name in column]
    names = (*kept, *(name for name in model if name not in set(kept)))
    number = {name: place for place, name in enumerate(names)}
    return Shared(
        names,
        np.array([column[name] for name in names], np.int64),
        np.array([number.get(name, -1) if name in column else -1 for name in dataset], np.int64),
    )


def positions(
    wanted: Sequence[str],
    known: Sequence[str],
    *,
    words: tuple[str, str],
    way_out: str,
    error: type[TlkitError] = DataError,
) -> Ints:
    """Find where each of some classes stands among others that must be the same ones, in any order.

    Args:
        wanted: Class names in the order that is wanted.
        known: Class names in the order that is there.
        words: What to call the two in a message, ``wanted`` first.
        way_out: What to do where they differ, a sentence.
        error: Which error to raise.

    Returns:
        ``known[positions[i]] == wanted[i]``, int64.

    Raises:
        DataError: They are not the same.

    Example:
        >>> positions(["b", "a"], ["a", "b"], words=("this", "that"), way_out="Mend one.")
        array([1, 0])
    """
    if set(wanted) != set(known) or len(wanted) != len(known):
        only = [name for name in wanted if name not in set(known)]
        lacking = [name for name in known if name not in set(wanted)]
        told = [
            f"Only in {who}: {shown_names(names)}."
            for who, names in zip(words, (only, lacking), strict=True)
            if names
        ]
        hint = near_misses(only, lacking)
        raise error(
            f"{_sentence(*words)} have different classes. {_both(words, wanted, known)} "
            f"{' '.join(told)}{hint} {way_out}"
        )
    place = {name: number for number, name in enumerate(known)}
    return np.array([place[name] for name in wanted], np.int64)


def numbered_as(
    names: Sequence[str],
    dataset: Labelled,
    *,
    words: tuple[str, str] = ("the evaluation", "the dataset"),
    error: type[TlkitError] = DataError,
) -> Ints:
    """Return the labels of a data set, as others number the same classes.

    Args:
        names: The classes in the order that is wanted; it may have more.
        dataset: The data set.
        words: What to call the two in a message.
        error: Which error to raise.

    Raises:
        DataError: An image is of a class that is not among the names.
    """
    place = {name: number for number, name in enumerate(names)}
    labels = dataset.labels
    shared_classes(names, dataset.class_names, labels, words=words, error=error)
    numbers = [place.get(name, -1) for name in dataset.class_names]
    return np.array(numbers, np.int64)[labels]


def is_numbering(names: Sequence[str]) -> bool:
    """Return whether names are only numbers from 0, as an evaluation has that was given none."""
    return list(names) == [str(number) for number in range(len(names))]


def near_misses(names: Sequence[str], others: Sequence[str]) -> str:
    """Say which names differ only in what the eye passes over; empty where none does.

    Example:
        >>> near_misses(["Cherry"], ["apple", "cherry"])
        " 'Cherry' is written 'cherry' there."
    """
    alike = {_plain(name): name for name in others}
    found = [(name, alike[_plain(name)]) for name in names if _plain(name) in alike]
    told = [f"{_written(a, b)} is written {_written(b, a)} there" for a, b in found[:_SHOWN]]
    return f" {'; '.join(told)}." if told else ""


def shown_names(names: Sequence[str]) -> str:
    """Return the first of some names, and how many there are besides, as text."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _both(words: tuple[str, str], first: Sequence[str], second: Sequence[str]) -> str:
    lists = zip(words, (first, second), strict=True)
    return " ".join(f"In {who}: {len(names)}, {shown_names(names)}." for who, names in lists)


def _sentence(first: str, second: str) -> str:
    return f"{first[:1].upper()}{first[1:]} and {second}"


def _plain(name: str) -> str:
    """Return a name without case, spaces, the encoding of accents, and zeros before a number."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    words = text.replace("_", " ").replace("-", " ").split()
    plain = "".join(words)
    try:
        return f"{float(plain):g}"
    except ValueError:
        return plain


def _written(name: str, other: str) -> str:
    """Return a name so that it can be told from the other, also where the two look the same."""
    same = unicodedata.normalize("NFKC", name) == unicodedata.normalize("NFKC", other)
    return ascii(name) if same else repr(name)
