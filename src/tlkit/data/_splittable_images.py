"""Images with classes that are parted: to train, to validate, to test."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Self, overload

import numpy as np

from tlkit._seeds import stream
from tlkit.data._classified_images import ClassifiedImages
from tlkit.data._folds import fold_indices
from tlkit.data._group_splits import split_groups
from tlkit.data._groups import group_numbers
from tlkit.data._split_checks import check_sample
from tlkit.data._split_notes import notes_of_folds, notes_of_parts, warn
from tlkit.data._splits import split_indices, validation_counts


class SplittableImages(ClassifiedImages):
    """Images with labels that can be parted; see `LabelledImages` for what makes them."""

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

        Args:
            validation: Fraction of the images for validation, between 0 and 1.
            seed: Any integer; the same seed gives the same split.
            stratify: Keep the classes' proportions, with each class in every part.
            test: Fraction of the images for a test; None for two parts.
            groups: One value for each image, such as its patient: text or a whole number. Images
                of one group are in one part; fractions and proportions then hold only about, the
                less the larger the groups are.

        A warning tells of a picture that is in two parts: of files that a table lists twice, and
        after `check` of any that hold the same.

        Returns:
            Training and validation, and the test if there is one; together they hold every image
            once.

        Raises:
            SplitError: Not fractions, or they sum to 1 or more; one class only, or a class with
                fewer images or groups than parts (named); or groups that do not fit the images.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((10, 8, 8, 3), np.uint8), [0, 1] * 5)
            >>> [len(part) for part in data.split(validation=0.2)]
            [8, 2]
            >>> [len(part) for part in data.split(validation=0.2, test=0.2)]
            [6, 2, 2]
        """
        if groups is None:
            chosen = split_indices(
                self._labels,
                self.class_names,
                validation=validation,
                test=test,
                seed=seed,
                stratify=stratify,
            )
        else:
            chosen = split_groups(
                self._labels,
                self.class_names,
                group_numbers(groups, len(self)),
                validation=validation,
                test=test,
                seed=seed,
                stratify=stratify,
            )
        parts = tuple(self.subset(indices) for indices in chosen)
        warn(notes_of_parts(parts), stacklevel=3)
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

        They are dealt out by scikit-learn's StratifiedKFold, KFold or StratifiedGroupKFold.

        Args:
            k: Number of folds, at least 2.
            groups: One value for each image, as for `split`; images of one group are in one fold.
            seed: Any integer; the same seed gives the same folds.
            stratify: Keep the classes' proportions, with each class in each fold.

        A warning tells of a picture that trains and validates in one fold, as for `split`.

        Returns:
            Pairs of training and validation, k of them. The validation parts hold every image once.

        Raises:
            SplitError: k is no number of folds, or there are fewer images or groups than folds, of
                all or of a class (named); or groups do not fit the images.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((10, 8, 8, 3), np.uint8), [0, 1] * 5)
            >>> [(len(train), len(validation)) for train, validation in data.folds(5)]
            [(8, 2), (8, 2), (8, 2), (8, 2), (8, 2)]
        """
        known = None if groups is None else group_numbers(groups, len(self))
        chosen = fold_indices(
            self._labels, self.class_names, k, groups=known, seed=seed, stratify=stratify
        )
        pairs = [(self.subset(train), self.subset(held_out)) for train, held_out in chosen]
        warn(notes_of_folds(pairs), stacklevel=3)
        return pairs

    def sample(self, n: int, *, seed: int = 0) -> Self:
        """Return some images by chance, with the classes in proportion, for a quick trial.

        Args:
            n: How many, at least one of each class that has an image.
            seed: Any integer; the same seed gives the same images.

        Returns:
            A dataset of n images with the same classes, in the order of this one.

        Raises:
            SplitError: There are not so many images, or more classes than n.

        Example:
            >>> from tlkit import ImageDataset
            >>> data = ImageDataset.from_arrays(np.zeros((9, 8, 8, 3), np.uint8), [0, 0, 1] * 3)
            >>> data.sample(6)
            ImageDataset(6 images, 2 classes: 0 4, 1 2)
        """
        counts = np.bincount(self._labels, minlength=len(self.class_names))
        check_sample(n, len(self), int(np.count_nonzero(counts)))
        chosen = [
            stream(seed, "sample", sample=number).permutation(
                np.flatnonzero(self._labels == number)
            )
            for number in range(len(counts))
        ]
        shares = validation_counts(counts, operator.index(n) / len(self), left=0)
        taken = [members[:share] for members, share in zip(chosen, shares, strict=True)]
        return self.subset(np.sort(np.concatenate(taken)))
