"""What a low precision does to features: how near they come to float32's, and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import Printed, counted, one_line
from tlkit._regression.nested import cross_validated
from tlkit._regression.regressions import Prepared
from tlkit._seeds import stream_seed
from tlkit.data.even_folds import even_folds
from tlkit.errors import SplitError
from tlkit.features.precision.beside import Beside
from tlkit.features.precision.sample import TrainingSample

# EfficientNet-Lite0's features of four sets of pictures with noise added up to a cosine of 0.9 cost
# a probe 0 to 4 points of accuracy, from 0.85 on 1 to 4, from 0.7 on 5 to 8. Its int8 has 0.95 to
# 0.97 and costs nothing that can be measured.
LEAST_COSINE = 0.9
# Predictions that agree with float32's as often as those of float32 that learns from another deal
# of the pictures into folds, but for the chance of 300 pictures. Noise of a cosine of 0.85 has 0.02
# to 0.03 less, of 0.8 0.04 to 0.07; int8 had 0.00 to 0.13 more. Of few pictures two are let pass.
MARGIN = 0.03
SPARED = 2
FOLDS = 5
FEWEST_FOLDS = 3
BATCH = 32
# Of 559 stamps int8 named 97.5 % as float32 did, of 600 solar cells 93 %, and nothing could be
# claimed of their F1.
LEAST_LABELS = 0.9

Run = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, repr=False)
class PrecisionCheck(Printed):
    """A trunk at a low precision beside float32, on pictures of the training.

    Args:
        engine: Name of the engine that runs both.
        precision: ``"bfloat16"`` or ``"int8"``.
        cosine: Of its features and float32's, both less float32's mean: 1 where they are the same.
        agreement: Share of the pictures of which a probe's out-of-fold predictions, learned from
            its features, name the class that float32's name, 0..1; None where classes are not
            known or too few pictures have one. Of a whole model, share of those that it says the
            same of.
        redealt: The same of float32 and float32, with the pictures dealt into other folds: what
            chance alone does. None as ``agreement``, and of a whole model.
        pictures: How many they were compared on.
        calibrated_on: From how many int8 was made; 0 of another precision.
        classes: How many classes those have; 0 where that is not known.
        difference: Largest difference of two numbers, by the largest of float32.
        ms: Milliseconds for an image by the name of what ran it, ``"openvino:int8"`` for example,
            float32 and Keras among them.
    """

    engine: str
    precision: str
    cosine: float
    agreement: float | None
    redealt: float | None
    pictures: int
    calibrated_on: int = 0
    classes: int = 0
    difference: float = 0.0
    ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def refusal(self) -> str:
        """Why the trunk is not run at this precision; an empty text where it can be."""
        if not self.cosine >= LEAST_COSINE:
            return f"expected a centred cosine of {LEAST_COSINE:g} or more"
        if self.agreement is not None and self.redealt is None:
            if self.agreement < LEAST_LABELS:
                return f"expected {LEAST_LABELS:g} or more of the labels to be float32's"
        elif self.agreement is not None and self.redealt is not None:
            least = self.redealt - max(MARGIN, SPARED / self.pictures)
            if self.agreement < least:
                return f"expected {least:.3f} or more of the predictions to be float32's"
        return ""

    @property
    def passed(self) -> bool:
        """Whether it tells pictures apart as float32 does."""
        return not self.refusal

    def __repr__(self) -> str:
        word = "passed" if self.passed else "refused"
        return one_line(f"PrecisionCheck({self.engine} at {self.precision}: {word})")

    def __str__(self) -> str:
        told = f"{self.engine} at {self.precision}: centred cosine {self.cosine:.4f} to float32"
        if self.agreement is None:
            told += ", no classes to compare predictions by,"
        elif self.redealt is None:
            told += f", {self.agreement:.3f} of the labels are float32's,"
        else:
            told += (
                f", {self.agreement:.3f} of a probe's out-of-fold predictions are float32's "
                f"({self.redealt:.3f} where float32 is dealt into other folds),"
            )
        told += f" on {counted(self.pictures, 'picture')}"
        if self.calibrated_on:
            told += f"; calibrated on {self.calibrated_on}"
            told += ", all of one class" if self.classes == 1 else ""
        if self.refusal:
            told += f"; {self.refusal}"
        return told

    def to_json(self) -> dict[str, Any]:
        """Return the check as plain data."""
        return asdict(self)


class Figures(NamedTuple):
    """Of a low precision; see `PrecisionCheck`."""

    cosine: float
    difference: float
    agreement: float | None
    redealt: float | None


def compared(
    sample: TrainingSample,
    exact: Run,
    lows: Mapping[str, Run],
    show: Callable[[str, int, int], None],
    named: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> dict[str, Figures]:
    """Return what each low precision makes of the sample's pictures, by its name.

    Args:
        sample: The pictures.
        exact: Runs the trunk at float32.
        lows: Run it at low precisions.
        show: Called with what is done, how much, and of how much.
        named: What outputs of a whole model say of each picture; None for features.
    """
    places = sample.checked
    beside = {name: Beside() for name in lows}
    pooled: dict[str, list[NDArray[np.float32]]] = {name: [] for name in ("", *lows)}
    for start in range(0, len(places), BATCH):
        batch = sample.pixels[places[start : start + BATCH]]
        full = np.pad(batch, [(0, BATCH - len(batch)), (0, 0), (0, 0), (0, 0)], mode="edge")
        expected = exact(full)[: len(batch)]
        pooled[""].append(_pooled(expected))
        for name, run in lows.items():
            given = run(full)[: len(batch)]
            beside[name].add(expected, given)
            pooled[name].append(_pooled(given))
        show("features at low precision", start + len(batch), len(places))
    rows = {name: np.concatenate(parts) for name, parts in pooled.items()}
    told = {name: each for name, each in rows.items() if np.isfinite(each).all()}
    if named is None:
        labels = None if sample.labels is None else sample.labels[places]
        agreements = _agreements(told, labels)
    else:
        agreements = _same_names({name: named(each) for name, each in told.items()})
    return {
        name: Figures(found.cosine, found.difference, *agreements.get(name, (None, None)))
        for name, found in beside.items()
    }


def _pooled(features: NDArray[Any]) -> NDArray[np.float32]:
    """Return features ``(n, d)``, the mean over the places of a picture."""
    between = tuple(range(1, features.ndim - 1))
    return np.asarray(features.mean(between) if between else features, np.float32)


def _same_names(said: Mapping[str, NDArray[Any]]) -> dict[str, tuple[float | None, float | None]]:
    """Return of how many pictures each name says what the empty one says."""
    if "" not in said:
        return {}
    count = len(said[""])
    same = {name: (each == said[""]).reshape(count, -1).all(axis=1) for name, each in said.items()}
    return {name: (float(each.mean()), None) for name, each in same.items() if name}


def _agreements(
    rows: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64] | None
) -> dict[str, tuple[float | None, float | None]]:
    """Return how often each name's predictions are those of the empty one, and by chance alone."""
    if labels is None or "" not in rows:
        return {}
    _, numbers = np.unique(labels, return_inverse=True)
    counts = np.bincount(numbers)
    k = min(FOLDS, int(counts.max()))
    if len(counts) < 2 or k < FEWEST_FOLDS:
        return {}
    try:
        deals = [even_folds(numbers, k, seed=stream_seed(0, "precision", n)) for n in range(2)]
    except SplitError:
        return {}

    def named(name: str, deal: int) -> NDArray[np.intp]:
        pictures = Prepared.of(rows[name].copy(), numbers, len(counts))
        found = cross_validated(pictures, deals[deal], lambda *_: None)
        best: NDArray[np.intp] = found.probabilities.argmax(axis=1)
        return best

    exact = named("", 0)
    redealt = float((named("", 1) == exact).mean())
    return {name: (float((named(name, 0) == exact).mean()), redealt) for name in rows if name}
