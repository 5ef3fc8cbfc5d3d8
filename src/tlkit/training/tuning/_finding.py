"""Running a search, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tlkit.errors import TrainingError
from tlkit.evaluation.evaluating import evaluate
from tlkit.training._made_again import made_again
from tlkit.training.planning.duration import seconds_text
from tlkit.training.result import TrainingResult
from tlkit.training.tuning._asked import Asked
from tlkit.training.tuning._search import Search
from tlkit.training.tuning.trial import Trial
from tlkit.training.tuning.tuned import Tuned


def found(asked: Asked, search: Search, cache: object, notes: Sequence[str]) -> Tuned:
    """Run a search.

    Args:
        asked: What was asked for.
        search: Ready to run.
        cache: As it was given: where the trainer of the best keeps features.
        notes: On the images.

    Raises:
        TrainingError: Every trial failed.
        KeyboardInterrupt: After what is known so far was shown.
    """
    try:
        search.run()
        result = _result(search)
    except KeyboardInterrupt:
        search.reporter.line(f"So far:\n{_tuned(asked, search, cache, notes)}")
        raise
    _check_any(search.trials())
    return _tuned(asked, search, cache, (*notes, *_on_time(asked, search)), result)


def _tuned(
    asked: Asked,
    search: Search,
    cache: object,
    notes: Sequence[str],
    result: TrainingResult | None = None,
) -> Tuned:
    rows = search.trials()
    best = dict(rows[0].settings)
    trainer = made_again(asked.maker.trainer(best), cache=cache)
    tested = asked.test is not None and result is not None
    return Tuned(
        rows,
        best,
        trainer,
        result,
        evaluate(result, asked.test) if tested else None,  # type: ignore[arg-type]
        asked.metric,
        len(asked.train if asked.validation is None else asked.validation),
        asked.folds,
        asked.size,
        tuple(notes),
    )


def _on_time(asked: Asked, search: Search) -> Iterator[str]:
    """Yield what there is to say where the time was shorter than the first trial."""
    first = search.table.get(0, 0)
    alone = len([trial for trial in search.trials() if trial.rounds]) == 1
    if asked.seconds is None or first is None or not alone or first.seconds < asked.seconds:
        return
    which = "the recipe of fine_tune" if search.defaults else "what was drawn first"
    yield (
        f"the budget of {seconds_text(asked.seconds)} is shorter than the first trial, which took "
        f"{seconds_text(first.seconds)}: the best is {which}. Give more time"
    )


def _result(search: Search) -> TrainingResult | None:
    """Return the training of the best, read from its folder where it is there."""
    best = search.trials()[0]
    if best.evaluation is None:
        return None
    return search.scoring.result(search.trainer(best.number - 1, len(best.rounds) - 1))


def _check_any(trials: Sequence[Trial]) -> None:
    if all(trial.status == "failed" for trial in trials):
        first = trials[0]
        raise TrainingError(
            f"All {len(trials)} trials failed. The first, with {first.told}: {first.reason}"
        )
