"""Stage 0: the candidates in order before anything is trained, and how stage 1 agrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from outcome import Outcome
from published import Trial

import tlkit

if TYPE_CHECKING:
    from study import Study


def rank(study: Study) -> tlkit.Ranking:
    """Rank what stage 1 will train, on the training images alone; what is finished is kept."""
    entered = [candidate_of(study, trial) for trial in study.profile.trials]
    return tlkit.rank_backbones(
        list(dict.fromkeys(entered)),
        study.train,
        engine=study.engine,
        trunk_precision=study.trunk_precision,
        checkpoint=study.out / "runs" / "stage-0",
        seed=study.seed,
        verbose=study.verbose,
    )


def candidate_of(study: Study, trial: Trial) -> tlkit.Candidate:
    """Return a trial's network, whatever the epochs and the batch."""
    weights = study.weights.get(trial.backbone, "imagenet")
    return tlkit.Candidate(trial.backbone, trial.image_size, weights, study.profile.preprocessing)


def agreement(study: Study) -> str:
    """Return a line on how the orders of stage 0 and of stage 1 agree."""
    from scipy.stats import weightedtau

    assert study.ranked is not None
    reached = _best_by_network(study, study.ranking())
    rows = [row for row in study.ranked.rows if row.candidate in reached]
    if len(rows) < 2:
        return "stages 0 and 1: fewer than two candidates, no orders to compare"
    stage_one = [reached[row.candidate] for row in rows]
    tau = weightedtau([-place for place in range(len(rows))], stage_one).statistic
    lost = 100 * (max(stage_one) - stage_one[0])
    return (
        f"stages 0 and 1: weighted Kendall tau {tau:.2f} between the orders of {len(rows)} "
        f"candidates; the first of stage 0 is {lost:.1f} points below the best of stage 1"
    )


def _best_by_network(study: Study, outcomes: Iterable[Outcome]) -> Mapping[tlkit.Candidate, float]:
    best: dict[tlkit.Candidate, float] = {}
    for outcome in outcomes:
        assert outcome.evaluation is not None
        candidate = candidate_of(study, outcome.trial)
        best[candidate] = max(best.get(candidate, 0.0), outcome.evaluation.weighted_f1)
    return best
