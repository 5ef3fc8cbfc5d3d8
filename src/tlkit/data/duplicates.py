"""The same picture more than once in a data set, found by what the files hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted

_SHOWN = 10


class Duplicate(NamedTuple):
    """One picture that is there more than once: where, under which names, in which classes.

    Args:
        positions: Of its images in the data set, ascending.
        names: Of these images.
        classes: Of these images; more than one distinct class is a contradiction. Empty where
            images have no labels.
    """

    positions: tuple[int, ...]
    names: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def contradicts(self) -> bool:
        """Whether the picture is of two classes."""
        return len(set(self.classes)) > 1

    def __str__(self) -> str:
        if not self.contradicts:
            known = f" ({self.classes[0]})" if self.classes else ""
            return f"{' = '.join(self.names)}{known}"
        named = (f"{name} ({kind})" for name, kind in zip(self.names, self.classes, strict=True))
        return f"{' = '.join(named)}: two classes for one picture"


def find_duplicates(
    digests: NDArray[np.uint8],
    names: Sequence[str],
    labels: NDArray[np.int64] | None = None,
    class_names: Sequence[str] = (),
) -> tuple[Duplicate, ...]:
    """Find the pictures that are there more than once; contradictions come first.

    Args:
        digests: Of each image's content, (n, 32), uint8; all zeros where it is not known.
        names: Of each image.
        labels: Class number of each image, (n,), or whether it has each label, (n, classes), 0 or
            1; None where they have none.
        class_names: The classes in order.

    Example:
        >>> digests = np.array([[1], [2], [1]], np.uint8)
        >>> [str(x) for x in find_duplicates(digests, "abc", np.array([0, 0, 1]), ("cat", "dog"))]
        ['a (cat) = c (dog): two classes for one picture']
    """
    found = [
        Duplicate(
            tuple(group),
            tuple(names[index] for index in group),
            () if labels is None else tuple(_kind(labels[index], class_names) for index in group),
        )
        for group in _groups(digests)
    ]
    return tuple(sorted(found, key=lambda x: (not x.contradicts, x.positions)))


def _kind(label: NDArray[np.int64], class_names: Sequence[str]) -> str:
    """Return the class of an image, or its labels."""
    if not label.ndim:
        return class_names[int(label)]
    return " + ".join(class_names[n] for n in np.flatnonzero(label).tolist()) or "no label"


def in_both(digests: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return positions of the others' images that are among the first ones too.

    Example:
        >>> in_both(np.array([[1], [2]], np.uint8), np.array([[3], [2]], np.uint8)).tolist()
        [1]
    """
    return np.flatnonzero(np.isin(_as_keys(others), _as_keys(digests)))


class NamedImages(Protocol):
    """What is asked of a data set."""

    @property
    def names(self) -> tuple[str, ...]:
        """What people call each image."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class number of each image, or its labels."""

    @property
    def image_digests(self) -> NDArray[np.uint8]:
        """SHA-256 of each image's content."""

    @property
    def known_digests(self) -> NDArray[np.uint8]:
        """The same, with zeros where nobody looked yet."""

    class_names: tuple[str, ...]


def duplicate_notes(train: NamedImages, validation: NamedImages | None) -> Iterator[str]:
    """Yield a line on pictures in two classes, and one on those that train and validate."""
    among = find_duplicates(train.image_digests, train.names, train.labels, train.class_names)
    two = [x for x in among if x.contradicts]
    if two:
        yield (
            f"{counted(len(two), 'training picture')} in two classes: {two[0]}"
            f"{' and others' if len(two) > 1 else ''}; dataset.check() lists them"
        )
    if validation is None:
        return
    both = in_both(train.image_digests, validation.image_digests)
    if len(both):
        yield (
            f"{counted(len(both), 'validation image')} among the training images too, such as "
            f"{validation.names[both[0]]}: the figures of validation are too good"
        )


def split_note(train: NamedImages, validation: NamedImages, first: str, second: str) -> str | None:
    """Return a line on pictures on both sides of a split, as far as is known without a look.

    Known are the images that were checked before, and one file that a table lists twice.

    Args:
        train: One side.
        validation: The other.
        first: What to call the one.
        second: What to call the other.
    """
    seen = set(_known(train))
    both = [
        name for key, name in zip(_known(validation), validation.names, strict=True) if key in seen
    ]
    if not both:
        return None
    return (
        f"{counted(len(both), 'image')} of {second}, such as {both[0]}, "
        f"{'is' if len(both) == 1 else 'are'} in {first} too: figures will be too good. "
        "dataset.check().duplicates lists them; leave one of each out with dataset.subset(...)."
    )


def _known(images: NamedImages) -> Iterator[bytes | str]:
    """Yield for each image what is known of its content, else its name."""
    for digest, name in zip(images.known_digests, images.names, strict=True):
        yield digest.tobytes() if digest.any() else name


def told(duplicates: Sequence[Duplicate]) -> Iterator[str]:
    """Yield lines on duplicates: how many, and the first."""
    if not duplicates:
        return
    two = sum(x.contradicts for x in duplicates)
    more = f", {two} of them in two classes" if two else ""
    is_are = "is" if len(duplicates) == 1 else "are"
    yield f"{counted(len(duplicates), 'picture')} {is_are} there more than once{more}:"
    yield from (f"  {x}" for x in duplicates[:_SHOWN])
    if len(duplicates) > _SHOWN:
        yield f"  and {len(duplicates) - _SHOWN:,} more: report.duplicates lists them"


def _groups(digests: NDArray[np.uint8]) -> list[list[int]]:
    """Return the places of each digest that is there more than once; zeros are none."""
    keys = _as_keys(digests)
    order = np.argsort(keys, kind="stable")
    ends = np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1
    groups = (part for part in np.split(order, ends) if len(part) > 1)
    return [part.tolist() for part in groups if digests[part[0]].any()]


def _as_keys(digests: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return one value for each digest, to sort and compare by; all are of one length."""
    return np.ascontiguousarray(digests).view(f"S{digests.shape[1]}").ravel()
