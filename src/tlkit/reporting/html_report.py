"""One page that says what a run or a study showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

from tlkit.errors import EvaluationError
from tlkit.evaluation.evaluation import Evaluation, evaluate
from tlkit.evaluation.plots import plot_comparison, plot_confusion, plot_reliability
from tlkit.reporting import _scores as scores
from tlkit.reporting import _training as training
from tlkit.reporting._gallery import check_same, gallery, loaded
from tlkit.reporting._page import render, write
from tlkit.reporting._pictures import drawn
from tlkit.reporting._runs import Run, read_runs


def report(
    run: Any,
    file: str | PathLike[str] = "report.html",
    *,
    evaluations: Evaluation | Mapping[str, Evaluation] | None = None,
    dataset: Any = None,
    model: Any = None,
    detail: str | None = None,
    title: str | None = None,
    benchmark: float | None = None,
    gains: Sequence[tuple[str, str, str]] = (),
    check: Any = None,
    remarks: Sequence[str] = (),
) -> Path:
    """Writes one HTML file that says what was trained, how well it does, and where it fails.

    The file holds everything in itself: it opens from disk, without a network and without
    JavaScript, which only lets tables be sorted.

    Args:
        run: The run_dir of a :class:`tlkit.StagedTrainer`, or what its ``fit`` returned. For a
            study a mapping of names to these; what is in a list belongs together, and a
            :class:`tlkit.LRCurve` may be among it.
        file: Where to write; it appears whole or not at all.
        evaluations: What was evaluated, one or several by name. None evaluates the run's model on
            ``dataset``, where that is given.
        dataset: The images of the evaluation looked at closely, in order; with it the page shows
            mistakes, with a model also Grad-CAM.
        model: What ``detail`` evaluates: a keras.Model or its file. None takes that of a single
            run.
        detail: Name of the evaluation to look at closely; None takes the best weighted F1.
        title: Heading of the page.
        benchmark: A score, 0..1; the page names the classes whose F1 is below it.
        gains: Steps to weigh, each (name before, name after, question) of two evaluations.
        check: What ``dataset.check()`` returned.
        remarks: Sentences that a reader must know, put on top.

    Returns:
        The file.

    Raises:
        EvaluationError: There is no such run, something does not fit together, jinja2 or
            matplotlib is missing, or the file cannot be written; says what to do.

    Example:
        >>> import tempfile, tlkit, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset(images=24)
        >>> stage = tlkit.Stage("head", epochs=1, learning_rate=0.01)
        >>> tiny = tlkit.testing.tiny_backbone()
        >>> trainer = tlkit.StagedTrainer(tiny, stages=[stage], weights=None, cache=False)
        >>> folder = tempfile.mkdtemp()
        >>> tlkit.report(trainer.fit(data, data), f"{folder}/report.html", dataset=data).name
        'report.html'
    """
    if benchmark is not None and not 0 <= benchmark <= 1:
        raise EvaluationError(f"benchmark={benchmark!r}: expected a score in 0..1, or None.")
    runs = read_runs(run)
    model = _model(runs) if model is None else model
    if model is not None and dataset is not None:
        model = loaded(model)
    named = _named(evaluations, runs, dataset, model)
    chosen = _chosen(named, detail)
    # Before anything is drawn, which takes its time.
    scores.check_names(named, gains)
    if chosen is not None and dataset is not None:
        check_same(named[chosen], dataset)
    contents = {
        "title": title or f"Training of {runs[0].name}",
        "remarks": list(remarks),
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": version("tlkit"),
        "benchmark": benchmark,
        **_training(runs),
        **_data(named.get(chosen or ""), dataset, check),
        **_evaluated(named, chosen, benchmark),
        **_compared(named, gains),
        **_mistakes(named.get(chosen or ""), dataset, model),
    }
    return write(Path(file), render(contents))


def _model(runs: Sequence[Run]) -> Any:
    """The model of a single run; of several nobody could say which one is meant."""
    models = [part.model for run in runs for part in run.parts if part.model is not None]
    return models[-1] if len(runs) == 1 and models else None


def _named(
    evaluations: Evaluation | Mapping[str, Evaluation] | None,
    runs: Sequence[Run],
    dataset: Any,
    model: Any,
) -> dict[str, Evaluation]:
    if isinstance(evaluations, Mapping):
        return {str(name): found for name, found in evaluations.items()}
    if evaluations is not None:
        return {runs[0].name: evaluations}
    if dataset is None or model is None:
        return {}
    return {runs[0].name: evaluate(model, dataset)}


def _chosen(named: Mapping[str, Evaluation], detail: str | None) -> str | None:
    if detail is not None and detail not in named:
        raise EvaluationError(
            f"detail={detail!r} is no evaluation; expected one of "
            f"{', '.join(map(repr, named)) or 'none: give evaluations=...'}."
        )
    best = max(named, key=lambda name: named[name].weighted_f1, default=None)
    return best if detail is None else detail


def _training(runs: Sequence[Run]) -> dict[str, Any]:
    rows = training.stage_rows(runs)
    return {
        "runs": training.run_rows(runs),
        "stages": rows,
        "unfinished": training.unfinished(runs),
        "totals": training.totals(rows),
        "curves": [(run.name, training.curve_pictures(run)) for run in runs],
        "settings": [(run.name, training.setting_texts(run)) for run in runs],
    }


def _data(found: Evaluation | None, dataset: Any, check: Any) -> dict[str, Any]:
    support = [row.support for row in found.per_class] if found else []
    return {
        "check": None if check is None else str(check),
        "check_ok": bool(check),
        "dataset": None if dataset is None else {"images": len(dataset)},
        "smallest": min(support, default=None),
        "largest": max(support, default=None),
    }


def _evaluated(
    named: Mapping[str, Evaluation], chosen: str | None, benchmark: float | None
) -> dict[str, Any]:
    if chosen is None:
        return {"chosen": None}
    found = named[chosen]
    rows, left_out = scores.class_rows(found, benchmark)
    alt = (
        f"{found.accuracy:.0%} of the images lie on the diagonal; the table of mistakes below names"
        " the largest fields beside it"
    )
    sure = float(found.probabilities.max(axis=1).mean())
    reliability = f"mean probability {sure:.2f}, share that is right {found.accuracy:.2f}"
    return {
        "chosen": chosen,
        "images": len(found),
        "class_count": len(found.class_names),
        "scores": scores.score_rows(found),
        "calibration_error": found.expected_calibration_error(),
        "classes": rows,
        "classes_left_out": left_out,
        "below": sum(row.f1 < benchmark for row in found.per_class) if benchmark else 0,
        "confusions": scores.confusions(found),
        "confusion": drawn(plot_confusion(found, _square(found)), f"Confusion matrix: {alt}"),
        "reliability": drawn(plot_reliability(found), f"Reliability diagram: {reliability}"),
        "sure": sure,
    }


def _narrow(models: int) -> Any:
    """Axes whose words can be read on a phone."""
    from tlkit.evaluation.plots.canvas import axes_or_new

    return axes_or_new(None, (5.6, 1.6 + 0.3 * models))


def _square(found: Evaluation) -> Any:
    """Axes on which the matrix's numbers can be read at the width of the page."""
    from tlkit.evaluation.plots.canvas import axes_or_new

    side = min(3 + 0.3 * len(found.class_names), 14)
    return axes_or_new(None, (side + 0.6, side))


def _compared(
    named: Mapping[str, Evaluation], gains: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    comparison, left_out = scores.compared(named)
    picture = None
    if comparison is not None:
        best = ", ".join(comparison.best_group)
        alt = f"Scores with intervals, best first; cannot be told from the best: {best}"
        picture = drawn(plot_comparison(comparison, named, _narrow(len(comparison.scores))), alt)
    return {
        "comparison": comparison,
        "compared": picture,
        "compared_left_out": left_out,
        "gains": scores.gain_rows(named, gains),
    }


def _mistakes(found: Evaluation | None, dataset: Any, model: Any) -> dict[str, Any]:
    if found is None or dataset is None:
        return {"mistakes": None, "heat": "", "wrong": 0}
    shown, heat = gallery(found, dataset, model)
    wrong = int((found.predictions != found.y_true).sum())
    return {"mistakes": shown, "heat": heat, "wrong": wrong}
