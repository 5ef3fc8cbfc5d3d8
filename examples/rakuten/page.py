"""The study's report: one HTML page that opens from disk."""

from __future__ import annotations

from pathlib import Path

from outcome import Outcome
from published import BENCHMARK, SOURCE
from study import Study
from tables import NOT_RAKUTEN, QUESTIONS, best_outcome, is_rakuten_study

import tlkit
from tlkit.reporting import Gain

OTHER_IMAGES = (
    "The benchmark of {benchmark} is the challenge's, for the Rakuten images. Classes are held "
    "against it here to show the shape of the study's table; on {data} it means nothing."
)


def write_report(study: Study, data: str, check: tlkit.DamageReport, file: Path) -> Path:
    """Write the page about a study that was run, and return its file."""
    best, names = best_outcome(study), _names(study)
    evaluations = {names[id(o)]: o.evaluation for o in study.outcomes if o.evaluation is not None}
    return tlkit.report(
        _runs(study),
        file,
        evaluations=evaluations,
        dataset=study.validation,
        model=best.model,
        detail=names[id(best)],
        title="Five-stage transfer-learning study",
        benchmark=BENCHMARK,
        gains=_gains(study, names),
        check=check,
        remarks=_remarks(study, data),
    )


def _names(study: Study) -> dict[int, str]:
    """Return what to call each outcome."""
    return {id(o): f"stage {o.stage} {_candidate(study, o)}" for o in study.outcomes}


def _candidate(study: Study, outcome: Outcome) -> str:
    """Return a backbone's name, with its settings where the study tried it with several."""
    trial = outcome.trial
    others = [t for t in study.profile.trials if t.backbone == trial.backbone]
    name = trial.backbone
    if len({t.image_size for t in others}) > 1:
        name += f" {trial.image_size} px"
    if len({t.epochs for t in others if t.image_size == trial.image_size}) > 1:
        name += f" {trial.epochs} epochs"
    mode = outcome.preprocessing
    return name if mode == study.profile.preprocessing else f"{name} ({mode})"


def _runs(study: Study) -> dict[str, list[Path | tlkit.LRCurve]]:
    """Return the folders of each candidate, stage by stage; a search may have none."""
    runs: dict[str, list[Path | tlkit.LRCurve]] = {}
    for outcome in study.outcomes:
        source = outcome.curve if outcome.model is None else outcome.model.parent
        if source is not None:
            runs.setdefault(_candidate(study, outcome), []).append(source)
    return runs


def _gains(study: Study, names: dict[int, str]) -> list[Gain]:
    steps = []
    for question, before, after in QUESTIONS:
        for trial in study.best_trials():
            ends = study.outcome(before, trial.backbone), study.outcome(after, trial.backbone)
            found = [names[id(end)] for end in ends if end is not None]
            if len(found) == len(ends):
                steps.append(Gain(found[0], found[1], question))
    return steps


def _remarks(study: Study, data: str) -> list[str]:
    rate = "Validation accuracy chooses the epoch, so all figures are a little optimistic."
    if is_rakuten_study(study):
        return [f"Measured on {data}. Published figures are {SOURCE}.", rate]
    return [
        NOT_RAKUTEN.format(data=data),
        OTHER_IMAGES.format(benchmark=BENCHMARK, data=data),
        rate,
    ]
