"""One page that says what a run or a study showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

from tlkit.data.damage import DamageReport
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.reporting import _training as training
from tlkit.reporting._before import BeforeLike, before_training, findings
from tlkit.reporting._belonging import Choice, evaluated
from tlkit.reporting._curves import curves_of
from tlkit.reporting._evaluated import compared, detail_of
from tlkit.reporting._gallery import ModelLike, gallery
from tlkit.reporting._labels import label_gallery, labels_detail
from tlkit.reporting._named_models import given_model
from tlkit.reporting._page import check_page, render, write
from tlkit.reporting._runs import Run, RunLike, read_runs
from tlkit.reporting.gains import Gain, check_gains, gain_rows


def report(
    run: RunLike,
    file: str | PathLike[str] = "report.html",
    *,
    evaluations: AnyEvaluation | Mapping[str, AnyEvaluation] | None = None,
    dataset: LabelledImages | None = None,
    model: ModelLike | None = None,
    detail: str | None = None,
    title: str | None = None,
    benchmark: float | None = None,
    gains: Sequence[Gain] = (),
    check: DamageReport | None = None,
    before: BeforeLike = (),
    remarks: Sequence[str] = (),
) -> Path:
    """Write one HTML file that says what was trained, how well it does, and where it fails.

    The file holds everything in itself: it opens from disk, without a network and without
    JavaScript, which only lets tables be sorted.

    Args:
        run: The run_dir of a `tlkit.StagedTrainer`, finished or not, or what its ``fit``
            returned. For a study a mapping of names to these; what is in a list belongs together,
            and a `tlkit.LRCurve` may be among it.
        file: Where to write; it appears whole or not at all.
        evaluations: What was evaluated, one or several by name. None evaluates the run's model on
            ``dataset``, where that is given.
        dataset: The images of the evaluation looked at closely, in order, a `tlkit.ImageDataset` or
            a `tlkit.MultiLabelDataset`; with it the page shows
            mistakes, with a model also Grad-CAM.
        model: What ``detail`` evaluates: a keras.Model or its file. None takes that of a single
            run, or of several that of the run called like ``detail``.
        detail: Name of the evaluation to look at closely; None takes the best weighted F1 of those
            that are of the model. The model is asked about some images: what it gives must be what
            was stored. Without ``dataset`` that cannot be checked, and the page says so.
        title: Heading of the page.
        benchmark: A score, 0..1; the page names the classes whose F1 is below it.
        gains: Steps whose worth is shown, each a `tlkit.reporting.Gain` of two evaluations.
        check: What ``dataset.check()`` returned.
        before: What was found before training, one or several: a `tlkit.Probe`, beside which the
            page sets the trained model on the same images, a `tlkit.Ranking`, a
            `tlkit.LearningCurve`, `tlkit.Suspects`, and the `tlkit.ImageDataset` that these were
            found in, of which their pictures are shown.
        remarks: Sentences that a reader must know, put on top.

    Returns:
        The file.

    Raises:
        RunDirectoryError: A run directory holds no run, or something in it is damaged.
        EvaluationError: Something does not fit together, jinja2 or matplotlib is missing, or the
            file cannot be written; says what to do.

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
    _check(benchmark, remarks)
    check_page(Path(file))
    if dataset is not None:
        require_dataset(dataset, "dataset")
    runs, known = read_runs(run), findings(before, dataset)
    asked = None if model is None or dataset is None else given_model(model)
    # All of it before anything is drawn, which takes its time.
    named, choice = evaluated(evaluations, detail, runs, asked, dataset)
    check_gains(gains, named)
    contents = {
        "title": title or f"Training of {runs[0].name}",
        "remarks": [*remarks, *choice.remarks],
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": version("tlkit"),
        "benchmark": benchmark,
        "check": check,
        "gains": gain_rows(gains, named),
        "before": before_training(known, _closest(named, choice), dataset),
        "compared": compared(named),
        **_looked_at(named, choice, benchmark, dataset),
        **_training(runs),
    }
    return write(Path(file), render(contents))


def _check(benchmark: float | None, remarks: Sequence[str]) -> None:
    if benchmark is not None and not 0 <= benchmark <= 1:
        raise EvaluationError(f"benchmark={benchmark!r}: expected a score in 0..1, or None.")
    if isinstance(remarks, str):
        raise EvaluationError(f"remarks={remarks!r}: expected a list of sentences, such as [...].")


def _closest(
    named: Mapping[str, AnyEvaluation], choice: Choice
) -> tuple[str, AnyEvaluation] | None:
    return None if choice.name is None else (choice.name, named[choice.name])


def _looked_at(
    named: Mapping[str, AnyEvaluation],
    choice: Choice,
    benchmark: float | None,
    dataset: LabelledImages | None,
) -> dict[str, Any]:
    nothing = {"detail": None, "gallery": None, "labels": None}
    if choice.name is None:
        return nothing
    found, model = named[choice.name], None if choice.model is None else choice.model.model
    if isinstance(found, MultiLabelEvaluation):
        shown = labels_detail(choice.name, found, benchmark)
        pictures = None if dataset is None else label_gallery(found, dataset, model, choice.columns)
        return {**nothing, "labels": shown, "gallery": pictures}
    seen = None if dataset is None else gallery(found, dataset, model, choice.columns)
    return {**nothing, "detail": detail_of(choice.name, found, benchmark), "gallery": seen}


def _training(runs: Sequence[Run]) -> dict[str, Any]:
    rows = training.stage_rows(runs)
    return {
        "runs": training.run_rows(runs),
        "stages": rows,
        "kept_stages": training.kept(runs),
        "unfinished": training.unfinished(runs),
        "totals": training.totals(rows),
        "curves": [curves_of(run) for run in runs],
        "settings": training.settings_of(runs),
    }
