"""Class names that somebody gives, and the labels and folders that are matched with them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from tlkit.data._text import alike, printable
from tlkit.data.class_names import near_misses, shown_names
from tlkit.data.labels import Error, Where, check_class_names, clean_labels
from tlkit.errors import DataError

Ints = NDArray[np.int64]
_image = "label of image {}".format


class GivenClasses:
    """Classes in the order in which they were given; what is not among them is an error.

    Names are compared as Unicode's composed letters (NFC): some systems store the names of
    folders decomposed.

    Args:
        names: The classes in order.
        error: Which error to raise.

    Raises:
        DataError: They are no class names; see `check_class_names`.

    Example:
        >>> GivenClasses(["cat", "dog"]).number_folders(["dog"], "photos").tolist()
        [1]
    """

    def __init__(self, names: Sequence[str], error: Error = DataError) -> None:
        self._error = error
        self.names = check_class_names(_listed(names, error), error)
        self._number = {_same(name): number for number, name in enumerate(self.names)}

    def number_folders(self, folders: Sequence[str], root: object) -> Ints:
        """Return the number of the class of each folder, (n,), int64.

        Args:
            folders: Their names.
            root: The folder that they are in, for the message.

        Raises:
            DataError: A folder is of no class, and the message tells near misses; or two folders
                look alike.
        """
        for group in alike(folders):
            raise self._error(
                f"{root} has folders that look alike: {', '.join(map(ascii, group))}. Expected one "
                "folder for each class. Put the images of one class into one folder."
            )
        unknown = [printable(name) for name in folders if _same(name) not in self._number]
        if unknown:
            raise self._error(
                f"{root} has folders that are not among class_names: {shown_names(unknown)}."
                f"{near_misses(unknown, self.names)} Expected a folder for each class, of the "
                f"{len(self.names)} class_names: {shown_names(self.names)}. Rename the folders, "
                "take them out, or correct class_names."
            )
        return np.array([self._number[_same(name)] for name in folders], np.int64)

    def number_labels(
        self, values: Iterable[object], *, where: Where = _image, by_name: bool = False
    ) -> Ints:
        """Return the number of the class of each label, (n,), int64.

        A label that is text is the name of a class. One that is a whole number is a position
        among the classes, or the name of one where classes are so called ("10", "40").

        Args:
            values: One label for each image.
            where: Names the place of a label in a message.
            by_name: Numbers are names wherever a class is called by a number. Else they are names
                where they cannot be positions, and refused where they might be either.

        Raises:
            DataError: A label is not among the names, or can be read in two ways.
        """
        error = self._error
        clean = clean_labels(values, where, error)
        found = {value: self._number.get(_same(str(value)), -1) for value in set(clean)}
        named = [found[value] for value in clean]
        if all(isinstance(value, str) for value in clean):
            numbers = named
        else:
            placed = [found[x] if isinstance(x, str) else self._placed(x) for x in clean]
            numbers = named if by_name and self._some_are_numbers else self._read(named, placed)
        wrong = [index for index, number in enumerate(numbers) if number < 0]
        if wrong:
            raise error(self._unknown(clean, wrong, where, numbers is not named))
        return np.array(numbers, np.int64)

    @property
    def _some_are_numbers(self) -> bool:
        return any(name.strip().lstrip("-").isdecimal() for name in self.names)

    def _placed(self, value: int) -> int:
        return value if 0 <= value < len(self.names) else -1

    def _read(self, named: list[int], placed: list[int]) -> list[int]:
        """Return the one way in which all labels can be read; positions where there is none."""
        if min(named) < 0 or named == placed:
            return placed
        if min(placed) < 0:
            return named
        raise self._error(
            f"The labels are numbers that can be read in two ways, as classes of that name or as "
            f"positions among the {len(self.names)} class_names: {shown_names(self.names)}. "
            "Expected labels that are clear. Give names as text, such as labels.astype(str), or, "
            "for positions, [class_names[i] for i in labels]."
        )

    def _unknown(
        self, clean: Sequence[str | int], wrong: Sequence[int], where: Where, positions: bool
    ) -> str:
        value = clean[wrong[0]]
        number = isinstance(value, int) and positions
        expected = f"a whole number from 0 to {len(self.names) - 1}, or " if number else ""
        texts = dict.fromkeys(str(clean[index]) for index in wrong)
        return (
            f"{where(wrong[0])} is {value!r}; expected {expected}one of the "
            f"{len(self.names)} class_names: {shown_names(self.names)}."
            f"{near_misses(list(texts), self.names)} {len(wrong)} labels are not among them; "
            "correct them or class_names."
        )


def united(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """Return the classes of two data sets: those of the first, then what only the other has.

    Raises:
        DataError: A name of one is nearly one of the other.

    Example:
        >>> united(["b", "a"], ["c", "a"])
        ('b', 'a', 'c')
    """
    new = [name for name in others if name not in names]
    near = near_misses(new, [name for name in names if name not in others])
    if near:
        raise DataError(
            f"The datasets have classes whose names are nearly the same.{near} Expected one name "
            "for one class. Give it with dataset.rename_classes({old: new}) before they are put "
            "together."
        )
    return check_class_names([*names, *new])


def _same(name: str) -> str:
    """Return what two names share that are the same, however a system stores them."""
    return unicodedata.normalize("NFC", printable(name))


def _listed(names: Sequence[str], error: Error) -> list[str]:
    """Return given names as a list, and not a text as its letters or a data set as its images."""
    if isinstance(names, (str, bytes)) or hasattr(names, "class_names"):
        raise error(
            f"class_names is {'a data set' if hasattr(names, 'class_names') else repr(names)}; "
            "expected a list of the names of all classes, in order, such as train.class_names."
        )
    if isinstance(names, (Set, Mapping)):
        raise error(
            f"class_names is a {type(names).__name__}, which says no order; expected a list of the "
            "names of all classes, in order, such as train.class_names."
        )
    try:
        return list(names)
    except TypeError:
        raise error(
            f"class_names={names!r}; expected a list of the names of all classes, in order, such "
            "as train.class_names."
        ) from None
