"""Images with any number of labels that are renamed, and parted: to train, to validate, to test."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from tlkit._seeds import stream
from tlkit.data._groups import group_numbers
from tlkit.data._label_deals import deal_labels
from tlkit.data._label_splits import label_folds, label_parts, unseen_labels
from tlkit.data._positions import as_position
from tlkit.data._split_checks import check_sample
from tlkit.data._split_notes import notes_of_folds, notes_of_parts, warn
from tlkit.data.class_names import near_misses, shown_names
from tlkit.data.decoding.decode import Pixels
from tlkit.data.duplicates import Duplicate, find_duplicates
from tlkit.data.given_classes import GivenClasses
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import DataError


class SplittableLabels(LabelledImages):
    """Images with any number of labels; see `LabelledImages` for what makes them."""

    @property
    def class_counts(self) -> dict[str, int]:
        """Images that have each label, in the order of the classes."""
        return dict(zip(self.class_names, self._labels.sum(axis=0).tolist(), strict=True))

    def __getitem__(self, index: int) -> tuple[Pixels, NDArray[np.int64]]:
        """Return one image at its own size, (h, w, 3), uint8, 0..255, and its labels, 0 or 1."""
        place = as_position(index, len(self))
        return self._store.load_whole(int(self._indices[place])), self._labels[place]

    def __iter__(self) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
        return (self[index] for index in range(len(self)))

    def with_classes(self, class_names: Sequence[str]) -> Self:
        """Return the same images with their classes in another order, or among more classes.

        Args:
            class_names: The classes in order; every class that an image has is among them.

        Raises:
            DataError: An image has another label, or these cannot be class names.
        """
        names = GivenClasses(class_names).names
        missing = [name for name, n in self.class_counts.items() if n and name not in names]
        if missing:
            raise DataError(
                f"Images have labels that are not among class_names: {shown_names(missing)}."
                f"{near_misses(missing, names)} Expected all that they have, of the {len(names)} "
                f"class_names: {shown_names(names)}. Add them, or rename them with "
                "rename_classes."
            )
        kept = [name for name in self.class_names if name in names]
        labels = np.zeros((len(self), len(names)), np.int64)
        columns = [self.class_names.index(name) for name in kept]
        labels[:, [names.index(name) for name in kept]] = self._labels[:, columns]
        return self._relabelled(labels, names)

    def rename_classes(self, names: Mapping[str, str]) -> Self:
        """Return the same images with other names for some classes.

        Classes that get one name become one, which an image has that had any of them.

        Args:
            names: New names by the old ones; other classes keep theirs.

        Raises:
            DataError: A class is not there, or what comes out cannot be class names.
        """
        numbers, merged = self._renamed(names)
        labels = np.zeros((len(self), len(merged)), np.int64)
        for column, number in enumerate(numbers.tolist()):
            labels[:, number] |= self._labels[:, column]
        return self._relabelled(labels, merged)

    @overload
    def split(
        self,
        validation: float = 0.2,
        seed: int = 0,
        stratify: bool = True,
        *,
        test: None = None,
        groups: Iterable[object] | None = None,
    ) -> tuple[Self, Self]: ...

    @overload
    def split(
        self,
        validation: float = 0.2,
        seed: int = 0,
        stratify: bool = True,
        *,
        test: float,
        groups: Iterable[object] | None = None,
    ) -> tuple[Self, Self, Self]: ...

    def split(
        self,
        validation: float = 0.2,
        seed: int = 0,
        stratify: bool = True,
        *,
        test: float | None = None,
        groups: Iterable[object] | None = None,
    ) -> tuple[Self, ...]:
        """Part the images into training and validation, and a test where that is asked for.

        Warnings tell of labels that a part has no image of, and of a picture in two parts.

        Args:
            validation: Fraction of the images for validation, between 0 and 1.
            seed: Any integer; the same seed gives the same split.
            stratify: Give each part its share of every label, as far as images with several labels
                allow that (iterative stratification: Sechidis, Tsoumakas and Vlahavas, ECML PKDD
                2011). With ``groups`` images are dealt by chance.
            test: Fraction of the images for a test; None for two parts.
            groups: One value for each image, such as its patient; images of one group are in one
                part.

        Returns:
            Training and validation, and the test if there is one; together they hold every image
            once.

        Raises:
            SplitError: Not fractions, or they sum to 1 or more; too few images or groups; or
                groups that do not fit the images.
        """
        known = None if groups is None else group_numbers(groups, len(self))
        chosen = label_parts(
            self._labels, known, validation=validation, test=test, seed=seed, stratify=stratify
        )
        parts = tuple(self.subset(indices) for indices in chosen)
        told = zip(("the training part", "the validation part", "the test part"), chosen)  # noqa: B905
        lacking = unseen_labels(self._labels, self.class_names, told)
        warn((*notes_of_parts(parts), lacking), stacklevel=3)
        return parts

    def folds(
        self,
        k: int,
        *,
        groups: Iterable[object] | None = None,
        seed: int = 0,
        stratify: bool = True,
    ) -> list[tuple[Self, Self]]:
        """Part the images into k folds, each of which validates once, for a cross-validation.

        Args:
            k: Number of folds, at least 2.
            groups: As for `split`.
            seed: Any integer; the same seed gives the same folds.
            stratify: As for `split`.

        Returns:
            Pairs of training and validation, k of them. The validation parts hold every image once.

        Raises:
            SplitError: As for `split`, or k is no number of folds.
        """
        known = None if groups is None else group_numbers(groups, len(self))
        chosen = label_folds(self._labels, k, known, seed=seed, stratify=stratify)
        pairs = [(self.subset(train), self.subset(held_out)) for train, held_out in chosen]
        told = [(f"the training part of fold {n}", part) for n, (part, _) in enumerate(chosen, 1)]
        lacking = unseen_labels(self._labels, self.class_names, told)
        warn((*notes_of_folds(pairs), lacking), stacklevel=3)
        return pairs

    def sample(self, n: int, *, seed: int = 0) -> Self:
        """Return some images by chance, with the labels about in proportion, for a quick trial.

        Args:
            n: How many.
            seed: Any integer; the same seed gives the same images.

        Returns:
            A dataset of n images with the same classes, in the order of this one.

        Raises:
            SplitError: There are not so many images.
        """
        check_sample(n, len(self), 1)
        n = operator.index(n)
        part = deal_labels(self._labels, np.array([len(self) - n, n]), stream(seed, "sample"))
        return self.subset(np.flatnonzero(part == 1))

    def _find_duplicates(self, digests: NDArray[np.uint8]) -> tuple[Duplicate, ...]:
        return find_duplicates(digests, self.names, self._labels, self.class_names)
