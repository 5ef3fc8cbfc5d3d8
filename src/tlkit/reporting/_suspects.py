"""Pictures under suspicion, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from tlkit.data.dataset import ImageDataset
from tlkit.probing.suspects import NearDuplicate, Outlier, SuspectLabel, Suspects
from tlkit.reporting._pictures import Picture, photo

_LABELS, _OTHERS, _SIDE = 12, 6, 160

Kind = TypeVar("Kind", SuspectLabel, NearDuplicate, Outlier)


@dataclass(frozen=True)
class Shown(Generic[Kind]):
    """A suspect with its pictures, of which there are none where nobody gave them."""

    suspect: Kind
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class SuspectsShown:
    """The most doubtful of each kind.

    Args:
        found: All of them.
        labels: Labels that the probe contradicts.
        duplicates: Pairs of near duplicates.
        outliers: Pictures that are unlike all others.
    """

    found: Suspects
    labels: tuple[Shown[SuspectLabel], ...]
    duplicates: tuple[Shown[NearDuplicate], ...]
    outliers: tuple[Shown[Outlier], ...]

    @property
    def confident(self) -> int:
        """Labels that are contradicted by the rule of confident learning."""
        return sum(each.confident for each in self.found.labels)

    @property
    def contradicting(self) -> int:
        """Near duplicates of two classes."""
        return sum(each.contradicts for each in self.found.duplicates)

    @property
    def pictured(self) -> bool:
        """Whether there are pictures of them."""
        shown: tuple[Shown[Any], ...] = (*self.labels, *self.duplicates, *self.outliers)
        return any(each.pictures for each in shown)


def found_in(found: Suspects, data: ImageDataset) -> bool:
    """Return whether suspects were found in a data set: it has them at their positions."""
    names = data.names
    return len(data) == found.images and all(names[n] == name for n, name in _named(found))


def suspects_shown(found: Suspects, data: ImageDataset | None) -> SuspectsShown:
    """Return the most doubtful of each kind, with their pictures where there is a data set."""
    labels, pairs = found.labels[:_LABELS], found.duplicates[:_OTHERS]
    far = found.outliers[:_OTHERS]
    return SuspectsShown(
        found,
        tuple(Shown(x, _photos(data, (x.position,), (x.name,))) for x in labels),
        tuple(Shown(x, _photos(data, x.positions, x.names)) for x in pairs),
        tuple(Shown(x, _photos(data, (x.position,), (x.name,))) for x in far),
    )


def _photos(
    data: ImageDataset | None, positions: Sequence[int], names: Sequence[str]
) -> tuple[Picture, ...]:
    if data is None:
        return ()
    pixels = data.load(np.array(positions), _SIDE)
    return tuple(photo(each, name) for each, name in zip(pixels, names, strict=True))


def _named(found: Suspects) -> Iterator[tuple[int, str]]:
    alone: tuple[SuspectLabel | Outlier, ...] = (*found.labels, *found.outliers)
    for one in alone:
        yield one.position, one.name
    for pair in found.duplicates:
        yield from zip(pair.positions, pair.names, strict=True)
