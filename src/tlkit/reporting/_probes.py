"""Probes, and beside them the trained model on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tlkit.data.class_names import is_numbering
from tlkit.data.dataset import ImageDataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.evaluation import Evaluation
from tlkit.features.extraction import extract
from tlkit.probing.result import Probe

_METRIC = "weighted_f1"


@dataclass(frozen=True)
class Scored:
    """A weighted F1 with its interval, and the accuracy.

    Args:
        name: Of the probe or the model.
        images: How many it is of.
        value: Weighted F1, 0..1.
        low: Lower end of its interval.
        high: Upper end.
        accuracy: The share of images that are right.
    """

    name: str
    images: int
    value: float
    low: float
    high: float
    accuracy: float


@dataclass(frozen=True)
class BesideModel:
    """The trained model and the probes, on the images that the page evaluates.

    Args:
        rows: The model, then the probes that could be asked about these images.
        pairs: The model held against each of them.
        seen: How many of the images are among those of the first probe.
        left_out: Why others could not be asked, by their names.
    """

    rows: tuple[Scored, ...]
    pairs: tuple[PairResult, ...]
    seen: int
    left_out: Mapping[str, str]


def scored(name: str, found: Evaluation) -> Scored:
    """Return the figures of an evaluation."""
    figures = (found.score(_METRIC), *found.interval(_METRIC), found.accuracy)
    return Scored(name, len(found), *figures)


def by_name(probes: Sequence[Probe]) -> dict[str, Probe]:
    """Return probes by what they are called; a second one of a name gets a number."""
    named: dict[str, Probe] = {}
    for probe in probes:
        name = f"probe of {probe.name}"
        alike = sum(known == name or known.startswith(f"{name} (") for known in named)
        named[f"{name} ({alike + 1})" if alike else name] = probe
    return named


def beside_model(
    probes: Mapping[str, Probe],
    name: str,
    found: AnyEvaluation,
    dataset: LabelledImages | None,
) -> BesideModel:
    """Ask probes about the images of the model's evaluation, and compare.

    Args:
        probes: By name.
        name: Of the model.
        found: What it was evaluated to.
        dataset: The images; without them a probe knows those that it was made with.
    """
    asked = {each: _asked(probe, found, dataset) for each, probe in probes.items()}
    answers = {each: answer for each, answer in asked.items() if isinstance(answer, _Answer)}
    left_out = {each: why for each, why in asked.items() if isinstance(why, str)}
    if not answers or not isinstance(found, Evaluation):
        return BesideModel((), (), 0, left_out)
    model = name if name not in answers else f"{name}, trained"
    named = {model: found, **{each: answer.found for each, answer in answers.items()}}
    pairs = [pair for pair in compare(named).pairs if model in (pair.better, pair.worse)]
    rows = tuple(scored(each, evaluation) for each, evaluation in named.items())
    return BesideModel(rows, tuple(pairs), next(iter(answers.values())).seen, left_out)


@dataclass(frozen=True)
class _Answer:
    found: Evaluation
    seen: int


def _asked(probe: Probe, found: AnyEvaluation, dataset: LabelledImages | None) -> _Answer | str:
    """Return what a probe says of the images of an evaluation, or why nothing.

    An image that it was made with is predicted by the regression that has not seen it.
    """
    columns = _columns(probe.class_names, found.class_names)
    if not isinstance(found, Evaluation) or columns is None:
        return "its classes are others than the model's"
    digests = _digests(probe, found, dataset)
    known = probe.evaluation.image_digests
    if digests is None or known is None:
        return "it is not known which of these images it was made with"
    numbers = {digest.tobytes(): number for number, digest in enumerate(known)}
    places = np.array([numbers.get(digest.tobytes(), -1) for digest in digests], np.int64)
    new = np.flatnonzero(places < 0)
    rows = probe.evaluation.probabilities[places]
    if len(new):
        if not isinstance(dataset, ImageDataset):
            return "it was made with other images; dataset=... lets it be asked about these"
        rows[new] = _predicted(probe, dataset.subset(new))
    return _Answer(replace(found, probabilities=rows[:, columns]), len(places) - len(new))


def _columns(known: tuple[str, ...], wanted: tuple[str, ...]) -> Ints | None:
    if set(known) == set(wanted):
        return np.array([known.index(name) for name in wanted])
    if is_numbering(wanted) and len(wanted) == len(known):
        return np.arange(len(known))
    return None


def _digests(
    probe: Probe, found: Evaluation, dataset: LabelledImages | None
) -> NDArray[np.uint8] | None:
    if isinstance(dataset, ImageDataset):
        return dataset.with_fit(probe.fit).image_digests
    return found.image_digests


def _predicted(probe: Probe, images: ImageDataset) -> Floats:
    """Return the probabilities of its regression on all pictures, ``(n, classes)``."""
    made = probe.settings
    features = extract(
        made.backbone,
        images.with_fit(probe.fit),
        image_size=made.image_size,
        weights=made.weights,
        preprocessing=made.preprocessing,
        engine=made.engine,
        cache=made.cache,
        feature_dtype=made.feature_dtype,
        seed=made.seed,
        verbose=0,
    )
    return probe.coefficients.probabilities(np.asarray(features, np.float32))
