"""Pictures under suspicion: labels that a probe contradicts, near duplicates, outliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit.evaluation.evaluation import Evaluation
from tlkit.probing._neighbours import Neighbours
from tlkit.probing.result import Probe

_SHOWN = 10
_ROUNDING = 1e-6


@dataclass(frozen=True, repr=False)
class SuspectLabel(Printed):
    """A label that regressions which had not seen the picture contradict.

    Args:
        position: Of the picture in the data set.
        name: Of the picture.
        label: The class that it is given.
        prediction: The class that is most probable.
        label_probability: Of the class that it is given, 0..1.
        prediction_probability: Of the other, 0..1.
        confident: Whether that is at least as much as pictures of the other class have on average
            for it: the rule of confident learning.
    """

    position: int
    name: str
    label: str
    prediction: str
    label_probability: float
    prediction_probability: float
    confident: bool

    def __repr__(self) -> str:
        label = f"{self.label!r} {self.label_probability:.2f}"
        other = f"{self.prediction!r} {self.prediction_probability:.2f}"
        return one_line(f"SuspectLabel({self.name!r}, {label}, {other})")


@dataclass(frozen=True, repr=False)
class NearDuplicate(Printed):
    """Two pictures whose features are nearly the same.

    Args:
        positions: Of both in the data set.
        names: Of both.
        labels: Their classes.
        distance: Cosine distance of their features, from 0; see `tlkit.suspects`.
    """

    positions: tuple[int, int]
    names: tuple[str, str]
    labels: tuple[str, str]
    distance: float

    @property
    def contradicts(self) -> bool:
        """Whether they are of two classes."""
        return self.labels[0] != self.labels[1]

    def __repr__(self) -> str:
        return one_line(f"NearDuplicate({self.distance:.2f}, {self.names}, {self.labels})")


@dataclass(frozen=True, repr=False)
class Outlier(Printed):
    """A picture that is unlike all others.

    Args:
        position: In the data set.
        name: Of the picture.
        label: Its class.
        distance: Mean cosine distance to its five nearest.
    """

    position: int
    name: str
    label: str
    distance: float

    def __repr__(self) -> str:
        return one_line(f"Outlier({self.name!r}, {self.label!r}, {self.distance:.2f})")


@dataclass(frozen=True, eq=False, repr=False)
class Suspects(Printed):
    """What `tlkit.suspects` found; look at the pictures before you change anything.

    Args:
        images: How many pictures were looked at.
        labels: The most doubtful first.
        duplicates: Those of two classes first, then the nearest.
        outliers: The farthest first.
        groups: A number for each picture, the same for near duplicates, int64 ``(n,)``. As
            ``groups=`` of `tlkit.probe`, ``split`` or ``folds`` it keeps them on one side.
    """

    images: int
    labels: tuple[SuspectLabel, ...]
    duplicates: tuple[NearDuplicate, ...]
    outliers: tuple[Outlier, ...]
    groups: NDArray[np.int64]

    def __repr__(self) -> str:
        told = (
            f"{len(self.labels)} labels, {len(self.duplicates)} near duplicates, "
            f"{len(self.outliers)} outliers among {self.images} images"
        )
        return one_line(f"Suspects({told})")

    def __str__(self) -> str:
        confident = sum(x.confident for x in self.labels)
        two = sum(x.contradicts for x in self.duplicates)
        titles = (
            f"{counted(len(self.labels), 'label')} contradicted, {confident:,} with confidence",
            f"{counted(len(self.duplicates), 'near duplicate')}, {two:,} of two classes",
            counted(len(self.outliers), "outlier"),
        )
        lines = []
        for title, rows in zip(titles, self._rows(), strict=True):
            more = [f"  and {len(rows) - _SHOWN:,} more"] if len(rows) > _SHOWN else []
            lines += [title, *("  " + "  ".join(row) for row in rows[:_SHOWN]), *more]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        headers = (
            ("picture", "label", "prediction"),
            ("picture", "and picture", "distance"),
            ("picture", "class", "distance"),
        )
        tables = zip(headers, self._rows(), strict=True)
        return "".join(html_table(header, rows[:_SHOWN]) for header, rows in tables)

    def _rows(self) -> tuple[list[tuple[str, ...]], ...]:
        labels: list[tuple[str, ...]] = [
            (
                x.name,
                f"{x.label} {x.label_probability:.2f}",
                f"{x.prediction} {x.prediction_probability:.2f}",
            )
            for x in self.labels
        ]
        pairs: list[tuple[str, ...]] = [
            (*(f"{a} ({b})" for a, b in zip(x.names, x.labels, strict=True)), f"{x.distance:.2f}")
            for x in self.duplicates
        ]
        far: list[tuple[str, ...]] = [(x.name, x.label, f"{x.distance:.2f}") for x in self.outliers]
        return labels, pairs, far


def suspects(probe: Probe) -> Suspects:
    """Find pictures to look at: doubtful labels, near duplicates, and pictures unlike all others.

    Labels are ranked by the probability that regressions which have not seen the picture give
    them; ``confident`` is the rule of confident learning (Northcutt et al., 2021, doi
    10.1613/jair.1.12125). Features are centred, and compared by their cosine distance: near
    duplicates are closer than 0.3 of what pictures are usually from their nearest (the median).
    Outliers are farther from their five nearest than the median by 3.5 robust deviations.

    Args:
        probe: Of the pictures. With ``repeats=3`` the mean probability of three deals decides.

    Returns:
        What was found, each kind with what is most doubtful first.

    Example:
        >>> import tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> found = tlkit.probe(
        ...     tlkit.testing.tiny_backbone(), data, weights=None, cache=False, verbose=0)
        >>> tlkit.suspects(found).images
        48
    """
    known = probe.evaluation
    names = known.image_names or tuple(map(str, range(len(known))))
    kinds = [known.class_names[number] for number in known.y_true.tolist()]
    near = Neighbours.of(np.asarray(probe.features, np.float32))
    pairs = [
        NearDuplicate((a, b), (names[a], names[b]), (kinds[a], kinds[b]), distance)
        for a, b, distance in near.pairs()
    ]
    return Suspects(
        len(known),
        _labels(known, np.mean([each.probabilities for each in probe.evaluations], axis=0), names),
        tuple(sorted(pairs, key=lambda x: (not x.contradicts, x.distance))),
        tuple(Outlier(n, names[n], kinds[n], distance) for n, distance in near.outliers()),
        near.groups(),
    )


def _labels(
    known: Evaluation, probabilities: NDArray[np.float64], names: tuple[str, ...]
) -> tuple[SuspectLabel, ...]:
    everything = np.arange(len(known))
    own = probabilities[everything, known.y_true]
    other = probabilities.argmax(axis=1)
    counts = np.bincount(known.y_true, minlength=len(known.class_names))
    sums = np.bincount(known.y_true, own, minlength=len(counts))
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)
    # Where nothing is known, all classes are as probable, up to rounding.
    doubtful = np.flatnonzero(probabilities[everything, other] > own + _ROUNDING)
    return tuple(
        SuspectLabel(
            n,
            names[n],
            known.class_names[known.y_true[n]],
            known.class_names[other[n]],
            float(own[n]),
            float(probabilities[n, other[n]]),
            bool(probabilities[n, other[n]] >= usual[other[n]]),
        )
        for n in doubtful[np.argsort(own[doubtful], kind="stable")].tolist()
    )
