"""What a stage asks for that its model, or its other settings, do not allow.

Told for all stages before the first epoch of the first, and not when their turn comes.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import keras
import numpy as np

from tlkit._keras.types import Callback
from tlkit.data.augmentation.transforms import check_range, step_by_step
from tlkit.errors import TrainingError
from tlkit.freezing.phase import selections
from tlkit.learning_rate.rate import Rate
from tlkit.learning_rate.schedules import is_schedule
from tlkit.training._figures import figure_of
from tlkit.training._own_metrics import own_metrics
from tlkit.training.loop._objectives import check_objective
from tlkit.training.loop._probe_run import check_probe
from tlkit.training.loop.optimizers import new_optimizer
from tlkit.training.loop.session import Session
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.stage import Stage

_LOOKED_AT = 8  # images
_SETS_THE_RATE = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


# What cannot be served in a stage, why, and what there is instead.
_REFUSED: tuple[tuple[type, str], ...] = (
    (
        keras.callbacks.BackupAndRestore,
        "puts weights of another epoch back when training begins. Give the trainer a run_dir: a "
        "checkpoint of all there is follows every epoch, and fit(resume=True) goes on with it",
    ),
    (
        keras.callbacks.SwapEMAWeights,
        "swaps averaged weights that every stage swaps by itself, and would undo it. Leave it out: "
        "ema=0.99, or an optimizer with use_ema, is all it takes",
    ),
    (
        keras.callbacks.CallbackList,
        "is a list of callbacks that belongs to one fit. Give the callbacks themselves",
    ),
)


def check_conflicts(session: Session, stages: Sequence[Stage]) -> None:
    """Raise what a later stage would raise when its turn comes.

    Args:
        session: What the stages share.
        stages: In order.

    Raises:
        DataError: An augmentation gives pixels of another shape or scale.
        PolicyError: A policy does not fit the backbone.
        TrainingError: An unknown optimizer; a figure to watch that the stage will not have; a
            callback that sets the rate beside a schedule, or one rate for all where each depth has
            its own; a callback that knows the best weights of one phase alone.
    """
    for stage in stages:
        phases = selections(stage.policy, session.parts, stage.epochs)
        _check_optimizer(stage)
        _check_augmentation(stage, session)
        _check_rate(stage, -(-len(session.train) // stage.batch_size))
        _check_callbacks(stage)
        _check_figure(stage, session)
        check_objective(stage, session.train.dataset, session.task)
        if isinstance(stage, ProbeStage):
            check_probe(stage, session)
        if len(phases) > 1:
            _check_phases(stage, len(phases))


def _check_optimizer(stage: Stage) -> None:
    rate = Rate.of(stage.learning_rate)
    # A function of the user's may count on the schedule that it will be given.
    if isinstance(stage.optimizer, str) or rate.finder or isinstance(rate.given, float):
        new_optimizer(stage, 1e-3)


def _check_augmentation(stage: Stage, session: Session) -> None:
    if stage.transform is None:
        return
    # Drawn, not decoded: where all features are stored, no image is.
    chosen = np.arange(min(_LOOKED_AT, len(session.train)))
    shape = (len(chosen), *session.parts.model.input_shape[1:3], 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for step, changed in step_by_step(
        stage.transform, images, chosen, seed=session.seed, stage=stage.name, epoch=0
    ):
        check_range(step, images, changed, stage.name)


def _check_rate(stage: Stage, steps: int) -> None:
    for callback in stage.callbacks:
        if not isinstance(callback, _SETS_THE_RATE):
            continue
        name, rate = type(callback).__name__, Rate.of(stage.learning_rate)
        if rate.finder is not None:
            rate = rate.with_found(rate.finder.min_lr)
        own = stage.backbone_learning_rate
        for which, each in (("learning_rate", rate.given), ("backbone_learning_rate", own)):
            made = None if each is None else Rate.of(each).for_phase(steps=steps * stage.epochs)
            if is_schedule(made):
                raise TrainingError(
                    f"Stage {stage.name!r}: {name} sets the learning rate, and {which}="
                    f"{getattr(stage, which)!r} does so too. Leave one of them out."
                )
        for which in ("layer_decay", "backbone_learning_rate"):
            if getattr(stage, which) is not None and isinstance(callback, _SETS_THE_RATE[0]):
                raise TrainingError(
                    f"Stage {stage.name!r}: {name} sets one rate for all layers, and with {which}="
                    f"{getattr(stage, which)!r} each depth has its own. Give learning_rate a Keras "
                    "LearningRateSchedule or WarmupCosine(...) in place of the callback."
                )


def _check_callbacks(stage: Stage) -> None:
    for callback in stage.callbacks:
        for kind, reason in _REFUSED:
            if isinstance(callback, kind):
                raise TrainingError(f"Stage {stage.name!r}: {type(callback).__name__} {reason}.")


def _check_figure(stage: Stage, session: Session) -> None:
    figure = figure_of(stage.keep_best)
    names = [*stage.objective.figures, *own_metrics(session.task, 2)]
    if any(isinstance(callback, _SETS_THE_RATE) for callback in stage.callbacks):
        names = [*names, "learning_rate"]
    known = [f"{place}{name}" for place in ("", "val_") for name in dict.fromkeys(names)]
    # A callback of the user may add figures of its own to those of an epoch.
    if figure is not None and figure not in known and all(map(_adds_nothing, stage.callbacks)):
        raise TrainingError(
            f"Stage {stage.name!r}: keep_best={stage.keep_best!r}, and its history will have "
            f"{', '.join(map(repr, known))}. Name one of these, None to keep the last epoch, or "
            "add a metric, or a callback that puts the figure into the logs of an epoch."
        )


def _adds_nothing(callback: Callback) -> bool:
    stock = type(callback).__module__.partition(".")[0] == "keras"
    return stock and not isinstance(callback, keras.callbacks.LambdaCallback)


def _check_phases(stage: Stage, phases: int) -> None:
    """Refuse what lives in the optimizer or the weights of one phase, and is lost with it."""
    for callback in stage.callbacks:
        if _goes_on_from_the_last_rate(callback):
            raise TrainingError(
                f"Stage {stage.name!r}: {type(callback).__name__} goes on from the rate that it "
                f"set, and each of the policy's {phases} phases begins with the stage's own. Give "
                "learning_rate a Keras LearningRateSchedule or WarmupCosine(...), which go through "
                "all phases."
            )
        if stage.keep_best is None and getattr(callback, "restore_best_weights", False):
            raise TrainingError(
                f"Stage {stage.name!r}: {type(callback).__name__}(restore_best_weights=True) knows "
                f"the best weights of one phase alone, and the policy has {phases} phases. Name "
                "the figure in keep_best, which holds for the whole stage, and leave "
                "restore_best_weights out."
            )


def _goes_on_from_the_last_rate(callback: Callback) -> bool:
    scheduler, plateau = _SETS_THE_RATE
    if not isinstance(callback, scheduler):
        return isinstance(callback, plateau)
    try:  # as Keras finds out whether the schedule wants the last rate
        inspect.signature(callback.schedule).bind(0, 0.1)
    except (TypeError, ValueError):
        return False
    return True
