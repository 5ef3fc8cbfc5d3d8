"""What `tlkit.learning_curve` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tlkit._printing import Printed, html_table, one_line, paragraph
from tlkit.evaluation.plots.canvas import FIRST, SECOND, axes_or_new
from tlkit.probing._power_law import Doubles, PowerLaws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More is not foretold than so many times the pictures that there are.
_TIMES = 10
_SHOWN = 3


@dataclass(frozen=True, repr=False)
class ClassOutlook(Printed):
    """What more pictures of a class would bring.

    Args:
        name: The class.
        images: How many it has.
        f1: Its F1 with all pictures, 0..1, as the curve has it.
        gain: What 100 more of it would add to its F1, and no more than are three times its own.
    """

    name: str
    images: int
    f1: float
    gain: float

    def __repr__(self) -> str:
        told = f"{self.images} images, f1={self.f1:.3f}, gain={self.gain:.3f}"
        return one_line(f"ClassOutlook({self.name!r}, {told})")


@dataclass(frozen=True, repr=False)
class Foretold(Printed):
    """A figure that is foretold.

    Args:
        value: What is most likely; infinite where no number of pictures would do.
        low: Lower end of its 90 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def __repr__(self) -> str:
        return f"Foretold({self.value:.6g}, [{self.low:.6g}, {self.high:.6g}])"


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Printed):
    """Weighted F1 by the number of pictures that regressions on frozen features learned from.

    Args:
        images: How many pictures there are.
        sizes: Of how many was learned.
        scores: Weighted F1, 0..1, of pictures that were not learned from, ``(sizes, repeats)``.
        law: The power law through their means.
        laws: Those through the scores of resampled pictures and deals.
        classes: What more pictures of each class would bring, the most first.
    """

    images: int
    sizes: tuple[int, ...]
    scores: Doubles
    law: PowerLaws
    laws: PowerLaws
    classes: tuple[ClassOutlook, ...]

    def at(self, images: float) -> Foretold:
        """Return the weighted F1 that so many pictures would give."""
        return _foretold(self.law.at(images)[:, 0], self.laws.at(images)[:, 0])

    def gain(self, images: float) -> Foretold:
        """Return what so many pictures would add to the weighted F1 of those that there are."""
        gains = [np.diff(laws.at([self.images, images]))[:, 0] for laws in (self.law, self.laws)]
        return _foretold(*gains)

    def more_for(self, gain: float = 0.02) -> Foretold:
        """Return how many more pictures would add so much to the weighted F1.

        Args:
            gain: 0.02 is two points.
        """
        needed = [
            laws.sizes_for(laws.at(self.images)[:, 0] + gain) - self.images
            for laws in (self.law, self.laws)
        ]
        return _foretold(*needed)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scores, the law and its 90 % interval, as far as four times the pictures.

        Args:
            ax: Where to draw; None makes a figure of its own (``axes.figure.savefig(path)``).

        Raises:
            EvaluationError: If matplotlib is not installed.
        """
        axes = axes_or_new(ax, (7, 4.5))
        far = np.geomspace(self.sizes[0], 4 * self.images, 80)
        low, high = np.quantile(self.laws.at(far), (0.05, 0.95), axis=0)
        axes.fill_between(far, low, high, color=FIRST, alpha=0.2, lw=0, label="90 % interval")
        axes.plot(far, self.law.at(far)[0], color=FIRST, label="power law")
        repeats = self.scores.shape[1]
        label = "measured" if repeats == 1 else f"measured, {repeats} deals"
        axes.plot(
            np.repeat(self.sizes, repeats),
            self.scores.ravel(),
            "o",
            color=SECOND,
            ms=4,
            label=label,
        )
        axes.axvline(self.images, color="#777777", ls=":", lw=1, label="all pictures")
        axes.set(xscale="log", xlabel="pictures to learn from", ylabel="weighted F1")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
        return axes

    @property
    def advice(self) -> str:
        """Whether more pictures are worth it, in a sentence."""
        needed, far = self.more_for(), self.images * _TIMES
        if needed.value + self.images > far:
            most = self.gain(far)
            return (
                f"more pictures are hardly worth it: {_TIMES} times as many bring about "
                f"{_points(most)} points of weighted F1"
            )
        most_likely = [_rounded(x, far) for x in (needed.value, needed.low, needed.high)]
        return (
            f"about {most_likely[0]} more pictures for 2 points more of weighted F1 (90 %: "
            f"{most_likely[1]} to {most_likely[2]})"
        )

    def __repr__(self) -> str:
        return one_line(
            f"LearningCurve({self.sizes[0]} to {self.sizes[-1]} of {self.images} images, "
            f"weighted_f1={self.scores[0].mean():.4f} to {self.scores[-1].mean():.4f})"
        )

    def __str__(self) -> str:
        lines = [f"{'pictures':>8}  weighted F1"]
        lines += [f"{size:8,}  {score}" for size, score in self._measured()]
        lines += [f"{size:8,}  {score} foretold" for size, score in self._foretold()]
        lines.append(self.advice)
        first = [x for x in self.classes[:_SHOWN] if x.gain > 0]
        if first:
            told = ", ".join(f"{x.name} (F1 {x.f1:.2f}, +{100 * x.gain:.0f} points)" for x in first)
            lines.append(f"100 more of one class would help it most: {told}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(f"{size:,}", score) for size, score in self._measured()]
        rows += [(f"{size:,}, foretold", score) for size, score in self._foretold()]
        return html_table(("pictures", "weighted F1"), rows) + paragraph(self.advice)

    def _measured(self) -> list[tuple[int, str]]:
        means = self.scores.mean(axis=1).tolist()
        return [(size, f"{score:.4f}") for size, score in zip(self.sizes, means, strict=True)]

    def _foretold(self) -> list[tuple[int, str]]:
        sizes = (self.images, 2 * self.images, 4 * self.images)
        found = [(size, self.at(size)) for size in sizes]
        return [(size, f"{x.value:.4f}  [{x.low:.4f}, {x.high:.4f}]") for size, x in found]


def _foretold(value: Doubles, draws: Doubles) -> Foretold:
    low, high = np.quantile(draws, (0.05, 0.95), method="nearest").tolist()
    return Foretold(float(value[0]), min(low, float(value[0])), max(high, float(value[0])))


def _points(found: Foretold) -> str:
    value, low, high = (100 * x for x in (found.value, found.low, found.high))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def _rounded(number: float, far: float) -> str:
    if number > far:
        return f"more than {far:,.0f}"
    digits = 10 ** max(0, int(np.floor(np.log10(max(number, 1)))) - 1)
    return f"{round(number / digits) * digits:,}"
