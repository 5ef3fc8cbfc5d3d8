"""What a search over recipes found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tlkit._printing import Printed, html_table, one_line, paragraph
from tlkit.errors import TrainingError
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.training.result import TrainingResult
from tlkit.training.trainer import StagedTrainer
from tlkit.training.tuning import _tuned_text as text
from tlkit.training.tuning.trial import Trial


@dataclass(frozen=True, eq=False, repr=False)
class Tuned(Printed):
    """What `tlkit.tune` found; it prints as a table of trials.

    Args:
        rows: All trials, the best first: those whose trainings were the longest, by score.
        best: Settings of the first; those of `tlkit.fine_tune` where nothing could be tried.
        trainer: Of these settings, to fit on everything; it keeps no run.
        result: The training of the best that was scored; None after folds, or without any.
        test: Its scores on the test images, which chose nothing; None without these.
        metric: By which trials are scored, on images that did not train.
        images: How many these are.
        folds: Of how many folds, each left out once; None for validation images.
        space: How many settings there are to try.
        notes: What there is to say, for people.
    """

    rows: tuple[Trial, ...]
    best: dict[str, Any]
    trainer: StagedTrainer
    result: TrainingResult | None
    test: AnyEvaluation | None
    metric: str
    images: int
    folds: int | None
    space: int
    notes: tuple[str, ...] = ()

    @property
    def best_trial(self) -> Trial | None:
        """The first of the rows; None where none was scored."""
        return self.rows[0] if self.rows[0].evaluation is not None else None

    @cached_property
    def against_default(self) -> PairResult | None:
        """The best beside the recipe of `tlkit.fine_tune`, on the images that chose it.

        Of the longest trainings that both have had. None where the default is the best, or was not
        scored.
        """
        best, default = self.best_trial, next((row for row in self.rows if row.is_default), None)
        if best is None or default is None or best is default:
            return None
        last = min(len(best.rounds), len(default.rounds)) - 1
        pair = [row.rounds[last].evaluation for row in (best, default)] if last >= 0 else [None]
        if pair[0] is None or pair[-1] is None:
            return None
        named = dict(zip(("the best", "the default"), (pair[0], pair[-1]), strict=True))
        return compare(named, self.metric).pairs[0]

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame with a row for each trial and a column for each setting.

        Raises:
            TrainingError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise TrainingError(
                "A DataFrame needs pandas: pip install 'tlkit[table]'. Or read the rows."
            ) from error
        return pd.DataFrame([text.as_dict(row) for row in self.rows])

    def __repr__(self) -> str:
        best = "nothing was tried" if self.best_trial is None else repr(self.best_trial)
        return one_line(f"Tuned({len(self.rows)} trials: {best})")

    def __str__(self) -> str:
        table = text.aligned([text.header(self.rows, self.metric), *text.cells(self.rows)])
        return "\n".join([self._headline, *table, *self._lines])

    def _repr_html_(self) -> str:
        table = html_table(text.header(self.rows, self.metric), text.cells(self.rows))
        return "".join([paragraph(self._headline), table, *map(paragraph, self._lines)])

    @property
    def _headline(self) -> str:
        return text.headline(self.rows, self.metric, self.images, self.folds, self.space)

    @property
    def _lines(self) -> list[str]:
        best = self.best_trial
        lines = [*text.on_failures(self.rows)]
        if best is not None:
            lines += text.on_the_best(best, self.against_default)
            lines += text.on_chance(best, self.rows, self.metric, self.test, self.images)
        return [*lines, *self.notes]
