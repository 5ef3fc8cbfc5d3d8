"""What a ranking of backbones found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tlkit._printing import Printed, counted, html_table, one_line, paragraph
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import Comparison
from tlkit.probing import _ranking_text as text
from tlkit.probing.ranked import RankedBackbone, Unranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# So many of the best are compared with each other; of 12 there are 66 pairs.
_COMPARED = 12


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Printed):
    """Backbones in order, the best first.

    Args:
        rows: Those that were ranked: first those that saw all pictures, by weighted F1.
        unranked: Those that were not, and why.
        pictures: How many there are.
        notes: What there is to say on pictures and folds, for people.
    """

    rows: tuple[RankedBackbone, ...]
    unranked: tuple[Unranked, ...]
    pictures: int
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> RankedBackbone:
        """The first."""
        return self.rows[0]

    @property
    def complete(self) -> tuple[RankedBackbone, ...]:
        """Those that were tried on all pictures."""
        return tuple(row for row in self.rows if len(row.evaluation) == self.pictures)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The best that saw all pictures, at most 12, by `tlkit.compare`; None where it is one."""
        named = {row.name: row.evaluation for row in self.complete[:_COMPARED]}
        if len(named) < 2:
            return None
        pairs = len(named) * (len(named) - 1) // 2
        return compare(named, resamples=max(2000, 100 * pairs))

    @property
    def best_group(self) -> tuple[RankedBackbone, ...]:
        """The best, and those of which it cannot be claimed that they are worse."""
        if self.comparison is None:
            return self.rows[:1]
        return tuple(row for row in self.rows if row.name in self.comparison.best_group)

    @property
    def front(self) -> tuple[RankedBackbone, ...]:
        """The Pareto front, slowest first: no other is as good and as fast, by ``estimate``."""
        by_time = sorted(self.rows, key=lambda row: (row.cost.ms, -row.estimate))
        front: list[RankedBackbone] = []
        for row in by_time:
            if not front or row.estimate > front[-1].estimate:
                front.append(row)
        return tuple(reversed(front))

    @property
    def advice(self) -> str:
        """Whom to take: the best, who is not claimed to be worse, and the fastest of these."""
        return "; ".join(text.on_the_best(self.best, self.best_group))

    def plot(self, path: str | Path | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw weighted F1 against the time for a picture, with the Pareto front.

        Args:
            path: A picture file to write, of a kind that matplotlib knows by its ending.
            ax: Where to draw; None makes a figure of its own.

        Returns:
            The Axes.

        Raises:
            EvaluationError: matplotlib is not installed, knows no such ending, or cannot write it.
        """
        from tlkit.probing._ranking_plot import check_plot, plot_ranking, write_plot

        if path is not None:
            check_plot(path)
        axes = plot_ranking(self.rows, self.front, self.best_group, ax)
        if path is not None:
            write_plot(axes, Path(path))
        return axes

    def __repr__(self) -> str:
        figures = ", ".join(f"{row.name} {row.estimate:.4f}" for row in self.rows)
        return one_line(f"Ranking({figures})")

    def __str__(self) -> str:
        table = text.aligned([text.HEADER, *self._cells])
        return "\n".join([self._headline, *table, *self._remarks])

    def _repr_html_(self) -> str:
        table = html_table(text.HEADER, self._cells)
        return "".join([paragraph(self._headline), table, *map(paragraph, self._remarks)])

    @property
    def _headline(self) -> str:
        return (
            f"weighted F1 of probes, out of fold; {counted(self.pictures, 'picture')}, "
            f"{len(self.best.evaluation.class_names):,} classes"
        )

    @property
    def _cells(self) -> list[list[str]]:
        groups = () if self.comparison is None else self.comparison.groups
        return text.cells(self.rows, groups, self.pictures)

    @property
    def _remarks(self) -> list[str]:
        return [
            *text.on_the_best(self.best, self.best_group),
            *text.on_the_table(self.rows, self.pictures),
            *text.on_unranked(self.unranked),
            *self.notes,
        ]
