"""What each training of a study will take, as `StagedTrainer.plan` says it, and what is around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foretold import candidate_of
from protocol import HEAD, later_stage, stage_one
from published import Trial
from study import Study

import tlkit
from tlkit.backbones.weights import keras_home
from tlkit.backbones.weights_here import weights_in
from tlkit.training.planning._probe import solving_time
from tlkit.training.planning.duration import Duration, total
from tlkit.training.planning.plan import TrainingPlan
from tlkit.training.planning.stage_plan import StagePlan

# Any rate: it changes no time.
_RATE = 1e-4
# What a ranking solves before its last round, in which it has all pictures: half as much each.
_ROUNDS = 2.0


@dataclass(frozen=True)
class Foreseen:
    """What one training of the study will take.

    Args:
        stage: 0 to 5.
        trial: The candidate.
        what: In words.
        passes: Pictures that go through the frozen part, views counted each.
        plain_passes: As many as plain Keras would have run.
        fresh: Of them, those that are changed anew in every epoch.
        features: Time for what is computed once.
        training: Time for the rest: search, training, what is written.
        evaluation: Time for a pass over the features of validation pictures, and to build a model.
        feature_bytes: Added to the store.
        run_bytes: Of its run directory.
        memory_bytes: Of pictures and features that it holds.
        share: How many such trainings there will be; below 1 where others may come instead.
        again: Whether it is stage 1 once more, with the other preprocessing.
    """

    stage: int
    trial: Trial
    what: str
    passes: int
    plain_passes: int
    fresh: int
    features: Duration
    training: Duration
    evaluation: Duration
    feature_bytes: int
    run_bytes: int
    memory_bytes: int
    share: float = 1.0
    again: bool = False

    @property
    def time(self) -> Duration:
        """For all of it."""
        return self.features + self.training + self.evaluation


@dataclass(frozen=True)
class Network:
    """The trainings of one network, and what it takes to have it at all.

    Args:
        trainings: Those of the study.
        with_views: Those of stages 2, 3 and 5 with a few views of each picture, kept.
        looking: To look at each file for damage, once for all networks.
        building: To build it.
        free: Bytes that are free on the fullest disk that is written to; None if nothing is.
        note: What there is to say; empty for nothing.
    """

    trainings: tuple[Foreseen, ...]
    with_views: tuple[Foreseen, ...]
    looking: Duration
    building: Duration
    free: int | None
    note: str = ""


def foresee(
    study: Study,
    trials: Sequence[Trial],
    later: Sequence[Trial],
    views: int,
    timings: tlkit.PlanTimings,
) -> Network:
    """Return the trainings of one network.

    Args:
        study: Of which nothing is run.
        trials: Its candidates in stage 1.
        later: Who may go on to the later stages.
        views: How many there are of each picture, for the comparison.
        timings: What was timed of other networks.
    """
    import keras  # noqa: F401 - which takes longer than to build a network, and is no part of it

    weights, note = _weights(study, trials[0])
    asked = list(_stages(study, trials, later, views))
    plan = _planned(study, trials[0], weights, [stage for _, _, stage in asked], timings)
    building = total(work.time for work in plan.start if work.unit != "files")
    share = min(1.0, study.profile.kept / len(later))
    every = [(0, _ranked(study, trials[0], plan))] if 0 in study.stages else []
    for (number, trial, _), stage in zip(asked, plan.stages, strict=True):
        one = _foreseen(abs(number), trial, stage, plan, building)
        every.append((number, replace(one, share=share if abs(number) > 1 else 1.0)))
    trainings = [one for number, one in every if number >= 0]
    if trials[0] in later:
        trainings.append(_once_more(trainings, study, share=1 / len(later)))
    with_views = tuple(one for number, one in every if number < 0)
    looking = total(work.time for work in plan.start if work.unit == "files")
    free = min((need.free for need in plan.disk), default=None)
    return Network(tuple(trainings), with_views, looking, building, free, note)


def _stages(
    study: Study, trials: Sequence[Trial], later: Sequence[Trial], views: int
) -> Iterator[tuple[int, Trial, Any]]:
    """Yield number, candidate and settings of each stage; numbers below 0 keep views."""
    profile, first = study.profile, trials[0]
    for n, trial in enumerate(trials):
        yield 1, trial, replace(stage_one(trial), name=f"1 frozen {n}")
    if first not in later:
        return
    if 4 in study.stages:
        sweep = {"name": "4 sweep", "learning_rate": profile.finder, "epochs": 1}
        yield 4, first, replace(stage_one(first), **sweep)
    for number in sorted({2, 3, 5} & set(study.stages)):
        stage = later_stage(number, first, profile.epochs[number], _RATE)
        yield number, first, stage
        if 1 < views < stage.epochs:
            yield -number, first, replace(stage, name=f"{stage.name}, views", views=views)


def _planned(
    study: Study,
    trial: Trial,
    weights: str | None,
    stages: Sequence[Any],
    timings: tlkit.PlanTimings,
) -> TrainingPlan:
    trainer = tlkit.StagedTrainer(
        **{**candidate_of(study, trial).arguments, "weights": weights},
        stages=stages,
        head=HEAD,
        engine=study.engine,
        trunk_precision=study.trunk_precision,
        run_dir=study.out / "planned",
        seed=study.seed,
    )
    given = (study.train, study.validation)
    return trainer.plan(*given, verbose=study.verbose, timings=timings)


def _foreseen(
    number: int, trial: Trial, stage: StagePlan, plan: TrainingPlan, building: Duration
) -> Foreseen:
    ahead, frozen = stage.timings, stage.frozen
    training, what = ahead["training"], f"{stage.epochs} epochs, batch {trial.batch_size}"
    evaluation = building + stage.validation
    if number == 4:
        training, what = ahead["search"], f"{stage.search_rates} learning rates"
        evaluation = Duration()
    passes, plain = (frozen.passes, frozen.plain_passes) if frozen else (0, 0)
    anew = 0 if stage.feature_bytes or stage.read else passes
    return Foreseen(
        stage=number,
        trial=trial,
        what=what if stage.views is None else f"{what}, {stage.views} views kept",
        passes=passes,
        plain_passes=plan.train * stage.search_rates if number == 4 else plain,
        fresh=anew,
        features=ahead["features"],
        training=training,
        evaluation=evaluation,
        feature_bytes=stage.feature_bytes,
        run_bytes=0 if number == 4 else _run_bytes(plan, stage),
        memory_bytes=plan.memory,
    )


def _ranked(study: Study, trial: Trial, plan: TrainingPlan) -> Foreseen:
    """Return the regressions of stage 0; what they need is computed there and read by stage 1."""
    folds, classes = tlkit.ProbeStage("0 rank").folds, len(study.train.class_names)
    solving = solving_time(plan.train, plan.stages[0].floats, classes, folds) * _ROUNDS
    nothing = Duration()
    what = "logistic regressions"
    return Foreseen(0, trial, what, 0, 0, 0, nothing, solving, nothing, 0, 0, plan.memory)


def _run_bytes(plan: TrainingPlan, stage: StagePlan) -> int:
    """Return what the run directory of a training of this one stage holds while it trains."""
    (run,) = (need.bytes for need in plan.disk if need.what == "run directory")
    largest = max(each.checkpoint_bytes for each in plan.stages)
    count = sum(each.epochs > 0 for each in plan.stages) + 1
    return 2 * (run - 2 * largest) // count + 2 * stage.checkpoint_bytes


def _once_more(trainings: Sequence[Foreseen], study: Study, share: float) -> Foreseen:
    """Return stage 1 of the best candidate with the other preprocessing: all is computed anew."""
    first = next(one for one in trainings if one.stage == 1)
    computed = next((one for one in trainings if one.feature_bytes), first)
    return replace(
        first,
        what=f"{first.what}, other preprocessing",
        passes=len(study.train) + len(study.validation),
        features=computed.features,
        feature_bytes=computed.feature_bytes,
        share=share,
        again=True,
    )


def _weights(study: Study, trial: Trial) -> tuple[str | None, str]:
    """Return the weights to plan with, and a note: what Keras would download is not waited for."""
    asked = study.weights.get(trial.backbone, "imagenet")
    spec = tlkit.get_backbone(trial.backbone)
    here = {spec.name}
    if spec.distribution == "tlkit":
        here = set(weights_in(keras_home() / "models", [spec]))
    if asked in spec.weights and spec.name not in here:
        note = f"{spec.name}: planned with random weights; the study will download {asked!r}"
        return None, f"{note}, and features that are there already are not counted"
    return asked, ""
