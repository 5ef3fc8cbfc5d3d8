"""CrossValidation: what trainings on parts of the images say of the images left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tlkit._printing import Printed, counted, html_table, one_line, paragraph
from tlkit.errors import EvaluationError
from tlkit.evaluation.arrays import Floats, Ints
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.metrics import resampled_t
from tlkit.evaluation.metrics.bootstrap import check_settings
from tlkit.evaluation.multi_label import MultiLabelEvaluation

_SHOWN = ("weighted_f1", "macro_f1", "accuracy", "log_loss")
_SHOWN_OF_LABELS = ("weighted_f1", "macro_f1", "subset_accuracy", "log_loss")


@dataclass(frozen=True, eq=False, repr=False)
class CrossValidation(Printed):
    """How good a recipe is, trained again and again, on images that each training has not seen.

    Made by `tlkit.cross_validate`, or of predictions of your own. `tlkit.compare` says which of
    several recipes is better, where they were trained on the same folds.

    Args:
        evaluations: Of all images by the models that have not seen them, one for each repeat.
        folds: Number of each image's fold, int64 ``(n,)``, from 0, for each repeat.
        notes: What there is to say on images and folds, for people.

    Raises:
        EvaluationError: Folds that do not fit the evaluations, or fewer than two of them.

    Example:
        >>> import numpy as np
        >>> from tlkit import CrossValidation, Evaluation
        >>> found = Evaluation.from_predictions([0, 1] * 4, [[0.9, 0.1], [0.2, 0.8]] * 4)
        >>> CrossValidation((found,), (np.arange(8) // 2,)).fold_scores("accuracy")
        array([[1., 1., 1., 1.]])
    """

    evaluations: tuple[AnyEvaluation, ...]
    folds: tuple[Ints, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.evaluations or len(self.evaluations) != len(self.folds):
            raise EvaluationError(
                f"got {len(self.evaluations)} evaluations and folds of {len(self.folds)} repeats; "
                "expected one evaluation for each repeat, and at least one."
            )
        for found, folds in zip(self.evaluations, self.folds, strict=True):
            _check_folds(found, np.asarray(folds), int(np.max(self.folds[0], initial=0)) + 1)

    @property
    def evaluation(self) -> AnyEvaluation:
        """Scores of all images by models that have not seen them, in the first repeat.

        `tlkit.compare` sets it beside probes and models of the same images; training again is not
        in what that says.
        """
        return self.evaluations[0]

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the probabilities are of, in order."""
        return self.evaluation.class_names

    @property
    def trainings(self) -> int:
        """How many trainings there were: folds times repeats."""
        return len(self.folds) * self._k

    @property
    def ratio(self) -> float:
        """Images that a training is scored on, to the others: 1 / (folds - 1)."""
        return 1 / (self._k - 1)

    def fold_scores(self, metric: str = "weighted_f1") -> Floats:
        """Return the score of each training on its own left-out images, ``(repeats, folds)``.

        Args:
            metric: As for `Evaluation.score`.

        Raises:
            EvaluationError: There is none of that name.
        """
        pairs = zip(self.evaluations, self.folds, strict=True)
        return np.array([[each.score(metric) for each in _parted(*pair)] for pair in pairs])

    def score(self, metric: str = "weighted_f1") -> float:
        """Return the mean of `fold_scores`."""
        return float(self.fold_scores(metric).mean())

    def spread(self, metric: str = "weighted_f1") -> float:
        """Return the standard deviation of `fold_scores`: how far one training is from another."""
        return float(self.fold_scores(metric).std(ddof=1))

    def interval(self, metric: str = "weighted_f1", level: float = 0.95) -> tuple[float, float]:
        """Return between which values the recipe's score lies, over new images and new seeds.

        Trainings share most of their images, so that the usual interval of a mean would be too
        narrow. Nadeau and Bengio's standard error allows for that:
        ``spread * sqrt(1 / trainings + 1 / (folds - 1))``, with Student's t at ``trainings - 1``
        degrees of freedom; see `tlkit.compare`. It holds for trainings on as many images as one
        had here.

        Args:
            metric: As for `Evaluation.score`.
            level: Between 0 and 1.

        Returns:
            Lower and upper end, not beyond a perfect score.

        Raises:
            EvaluationError: A level or metric that is none.
        """
        check_settings(level)
        scores = self.fold_scores(metric)
        error = resampled_t.standard_error(scores, self.ratio)
        low, high = resampled_t.t_interval(float(scores.mean()), error, scores.size, level)
        return (max(low, 0.0), high) if self.is_loss(metric) else (low, min(high, 1.0))

    def is_loss(self, metric: str) -> bool:
        """Return whether less of a metric is better."""
        return self.evaluation.is_loss(metric)

    def __len__(self) -> int:
        return len(self.evaluation)

    def __repr__(self) -> str:
        told = f"{len(self)} images, {self._k} folds, {counted(len(self.folds), 'repeat')}"
        return one_line(f"CrossValidation({told}, weighted_f1={self.score():.4f})")

    def __str__(self) -> str:
        rows = [f"{'':<16} {'mean':>6}  spread  95 % interval"]
        rows += [f"{a:<16} {b}  {c}  {d}" for a, b, c, d in self._rows()]
        return "\n".join([self._headline, *rows, *self._by_repeat(), *self.notes])

    def _repr_html_(self) -> str:
        table = html_table(("", "mean", "spread", "95 % interval"), self._rows())
        told = (*self._by_repeat(), *self.notes)
        return "".join([paragraph(self._headline), table, *map(paragraph, told)])

    @property
    def _k(self) -> int:
        return int(self.folds[0].max()) + 1

    @property
    def _headline(self) -> str:
        folds = f"{self._k} folds, {counted(len(self.folds), 'repeat')}"
        return (
            f"{len(self)} images, {len(self.class_names)} classes; trained {self.trainings} times: "
            f"{folds}"
        )

    def _rows(self) -> Iterator[tuple[str, str, str, str]]:
        several = isinstance(self.evaluation, MultiLabelEvaluation)
        for metric in _SHOWN_OF_LABELS if several else _SHOWN:
            low, high = self.interval(metric)
            name = metric.replace("_", " ").replace("f1", "F1")
            figures = f"{self.score(metric):6.4f}", f"{self.spread(metric):6.4f}"
            yield name, *figures, f"[{low:.4f}, {high:.4f}]"

    def _by_repeat(self) -> Iterator[str]:
        pairs = zip(self.fold_scores(), self.evaluations, strict=True)
        for number, (scores, found) in enumerate(pairs, 1):
            each = " ".join(f"{score:.4f}" for score in scores)
            whole = f"all images {found.weighted_f1:.4f}"
            yield f"weighted F1 by fold, repeat {number}: {each}; {whole}"


def _check_folds(found: AnyEvaluation, folds: Ints, k: int) -> None:
    fitting = folds.shape == (len(found),) and np.issubdtype(folds.dtype, np.integer)
    if not fitting or k < 2 or set(np.unique(folds).tolist()) != set(range(k)):
        raise EvaluationError(
            f"folds of shape {folds.shape} and {folds.dtype}, expected the number of each image's "
            f"fold, whole numbers ({len(found)},) from 0, with the same folds in each repeat, at "
            "least two, and none of them empty."
        )


def _parted(found: AnyEvaluation, folds: Ints) -> Iterator[AnyEvaluation]:
    """Yield what is said of the images of each fold."""
    for number in range(int(folds.max()) + 1):
        (places,) = np.nonzero(folds == number)
        names, digests = found.image_names, found.image_digests
        yield replace(
            found,
            y_true=found.y_true[places],
            probabilities=found.probabilities[places],
            image_names=None if names is None else tuple(names[place] for place in places),
            image_digests=None if digests is None else digests[places],
        )
