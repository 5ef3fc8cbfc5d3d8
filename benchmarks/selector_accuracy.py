"""How often each selector finds a good learning rate, where the answer is known.

Two kinds of curve: the published Xception sweep, whose answer lies between 0.00036 and 0.00048, and
240 curves of training runs made here (``labelled_curves.py``), whose answer is known from training
with each of 20 rates. Defaults of selectors may be tuned on the half called "development"; the
figures to quote are those of the other half, which is held out. ``--make`` trains everything again.

A rate between two trained ones is given the worse of their two final losses. A refusal counts as
a miss. ``ShareOfFall`` and its share of 0.7 were chosen on the development half. Rows that are no
selectors of tlkit: fastai's ``lr_find`` on the same losses (averaged with factor 0.98, ended at
four times the best, without the first tenth and the last five, then its valley); Keras's default
rate of the optimizer, without a search; and a rate drawn by lot.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import labelled_curves
import numpy as np

import tlkit
from tlkit.errors import SelectorError
from tlkit.learning_rate.curve import Selector
from tlkit.learning_rate.selectors.builtin import BUILT_IN

PUBLISHED = Path(__file__).parents[1] / "tests/learning_rate/data/rakuten_xception_lr_sweep.csv"
KERAS_DEFAULT = {"sgd": 0.01, "momentum": 0.01, "adam": 0.001, "rmsprop": 0.001, "adamw": 0.001}
LOT = "a rate by lot"


@dataclass(frozen=True)
class Known:
    """A curve, and the final losses that tell what a rate is worth."""

    curve: tlkit.LRCurve
    unit: str
    problem: dict[str, Any]
    trained: np.ndarray

    def loss_ratio(self, rate: float, of: str) -> float:
        """The final loss of a rate over the best; between two trained rates, the worse one."""
        losses = np.maximum(self.problem[of], 1e-7)  # float32 tells no smaller losses apart
        place = np.interp(np.log(rate), np.log(self.trained), np.arange(len(losses)))
        around = {math.floor(place + 1e-6), math.ceil(place - 1e-6)}
        return float(max(losses[list(around)]) / losses.min())

    @cached_property
    def best(self) -> float:
        """The trained rate with the smallest validation loss."""
        return float(self.trained[np.argmin(self.problem["validation"])])


@dataclass(frozen=True)
class Score:
    """What became of one answer; a refusal has no rate, and infinite ratios."""

    rate: float | None
    validation: float = math.inf
    training: float = math.inf
    from_best: float = math.inf

    @classmethod
    def of(cls, known: Known, rate: float | None) -> Score:
        """Judge a rate by the trainings of its problem."""
        if rate is None:
            return cls(None)
        ratios = (known.loss_ratio(rate, name) for name in ("validation", "training"))
        return cls(rate, *ratios, max(rate / known.best, known.best / rate))


Chooser = Callable[[Known], float]


def choosers() -> dict[str, Chooser]:
    """All rows of the tables but the last; each gives a rate or raises SelectorError."""
    return {
        **{kind.__name__: asked(kind()) for kind in BUILT_IN},
        "plain argmin": lambda k: argmin(k.curve),
        "fastai's lr_find": lambda k: fastai(k.curve),
        "Keras's default": lambda k: KERAS_DEFAULT[k.problem["optimizer"]],
    }


def asked(selector: Selector) -> Chooser:
    """A row of a selector of tlkit."""
    return lambda known: selector(known.curve)


def argmin(curve: tlkit.LRCurve) -> float:
    """The rate with the smallest loss, no questions asked."""
    return float(curve.learning_rates[np.argmin(curve.losses)])


def fastai(curve: tlkit.LRCurve) -> float:
    """What fastai's ``lr_find`` makes of the same losses; see the module's docstring."""
    averages, average, best = [], 0.0, math.inf
    # After a NaN fastai runs on, and then cuts there, not five points before its end.
    dropped = 5 if len(curve) == labelled_curves.SWEPT else 0
    for count, loss in enumerate(curve.losses, 1):
        average = 0.98 * average + 0.02 * float(loss)
        averages.append(average / (1 - 0.98**count))
        best = min(best, averages[-1])
        if averages[-1] > 4 * best:
            dropped = 5
            break
    kept = slice(10, len(averages) - dropped)
    if len(averages[kept]) < 3:
        raise SelectorError("fewer than three points are left.")
    return tlkit.Valley()(tlkit.LRCurve(curve.learning_rates[kept], averages[kept]))


def known_curves() -> list[Known]:
    """All curves of the file, two for each problem."""
    document = labelled_curves.read()
    swept = document["sweep"]
    rates = np.geomspace(swept["min_lr"], swept["max_lr"], swept["steps"])
    trained = np.asarray(document["rates"])
    return [
        Known(tlkit.LRCurve(rates[: len(losses)], losses), unit, problem, trained)
        for problem in document["problems"]
        for unit, losses in problem["curves"].items()
    ]


def scores_of(curves: Sequence[Known]) -> dict[str, list[Score]]:
    """For each row of the tables, the scores of all curves; by lot: of all trained rates."""
    rows = {
        name: [Score.of(known, _answer(choose, known)) for known in curves]
        for name, choose in choosers().items()
    }
    rows[LOT] = [Score.of(known, float(rate)) for known in curves for rate in known.trained]
    return rows


def _answer(choose: Chooser, known: Known) -> float | None:
    try:
        return choose(known)
    except SelectorError:
        return None


def print_published() -> None:
    """What each selector says of the published sweep."""
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rates, losses = ([float(row[name]) for row in rows] for name in ("learning_rate", "loss"))
    curve = tlkit.LRCurve(rates, losses)
    print("The published Xception sweep; a right answer lies between 0.00036 and 0.00048")
    answers = dict(curve.suggestions)
    answers |= {"plain argmin": argmin(curve), "fastai's lr_find": fastai(curve)}
    for name, rate in answers.items():
        verdict = "right" if 0.00036 <= rate <= 0.00048 else "wrong"
        print(f"  {name:18}{rate:9.2g}  {verdict}")
    for name, why in curve.refusals.items():
        print(f"  {name:18}  refused  {why}")


def print_table(title: str, curves: Sequence[Known]) -> None:
    """All measures, a row for each selector."""
    print(f"\n{title} ({len(curves)} curves)")
    print(f"{'':18}   final validation loss    final training    rate within   refused")
    print(f"{'':18}  within x3  x1.1  median   loss within x3   x3 of the best")
    for name, scores in scores_of(curves).items():
        given = [score for score in scores if score.rate is not None]
        ratio = median(score.validation for score in given) if given else math.nan
        print(
            f"{name:18}"
            f"{_percent(s.validation <= 3 for s in scores):9} %"
            f"{_percent(s.validation <= 1.1 for s in scores):4} %"
            f"{ratio:8.2f}"
            f"{_percent(s.training <= 3 for s in scores):15} %"
            f"{_percent(s.from_best <= 3 for s in scores):15} %"
            f"{_percent(s.rate is None for s in scores):8} %"
        )


def print_groups(curves: Sequence[Known], thing: str) -> None:
    """Shares within x3 of the best validation loss (and of the best rate), a column per value."""
    values = sorted({known.problem[thing] for known in curves})
    groups = [scores_of([k for k in curves if k.problem[thing] == value]) for value in values]
    print(f"{thing.replace('_', ' '):18}" + "".join(f"{value!s:>13}" for value in values))
    for name in groups[0]:
        cells = "".join(
            f"{_percent(s.validation <= 3 for s in group[name]):6} %"
            f" {f'({_percent(s.from_best <= 3 for s in group[name])})':>4}"
            for group in groups
        )
        print(f"{name:18}{cells}")


def _percent(passed: Any) -> int:
    verdicts = list(passed)
    return round(100 * sum(verdicts) / len(verdicts))


def print_tables() -> None:
    """Everything, the held-out half first."""
    curves = known_curves()
    print_published()
    print(
        f"\n{len(curves)} curves, two for each problem, {labelled_curves.SWEPT} rates from "
        f"{labelled_curves.LOWEST:g} to {labelled_curves.HIGHEST:g}; the best of "
        f"{labelled_curves.TRAINED} rates, {labelled_curves.EPOCHS} epochs each, means of "
        f"{len(labelled_curves.SEEDS)} seeds"
    )
    for half in ("held-out", "development"):
        these = [known for known in curves if known.problem["half"] == half]
        print_table(f"{half.upper()} HALF", these)
        for unit in labelled_curves.UNITS:
            print_table(f'{half} half, unit="{unit}"', [k for k in these if k.unit == unit])
    for unit in labelled_curves.UNITS:
        print(f'\nBoth halves, unit="{unit}": best final validation loss x3 (best rate x3)')
        for thing in ("optimizer", "tail", "data", "wrong_labels"):
            print_groups([known for known in curves if known.unit == unit], thing)


def main() -> None:
    """Print the tables, or make the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--make", action="store_true", help="train everything again (half an hour)")
    parser.add_argument("--every", type=int, default=1, help="with --make: one problem in so many")
    options = parser.parse_args()
    if options.make:
        labelled_curves.make(options.every)
    print_tables()


if __name__ == "__main__":
    main()
