"""Running a `ProbeStage`: the head's weights are solved for, and the figures counted."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import keras
import numpy as np

from tlkit._keras.built import build_compiled
from tlkit._keras.for_fit import for_fit
from tlkit._keras.layers import leaf_layers
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Layer
from tlkit._task import Task
from tlkit.errors import TrainingError
from tlkit.freezing.phase import Phase, selections
from tlkit.learning_rate.curve import LRCurve
from tlkit.probing.probe import fitted_reading
from tlkit.training.feeding.feed import Feed, Inputs, own_errors
from tlkit.training.feeding.inputs import Change
from tlkit.training.feeding.targets import Targets
from tlkit.training.loop._as_saved import held_out_as_saved
from tlkit.training.loop._judging import with_judging
from tlkit.training.loop.session import PhaseWork, Session
from tlkit.training.probe_stage import ProbeStage
from tlkit.training.stage_result import StageResult


def check_probe(stage: ProbeStage, session: Session) -> None:
    """Raise where the head is not one that a regression has the weights of.

    Raises:
        TrainingError: It has hidden layers, or images have several labels.
    """
    weighted = [layer for layer in session.parts.head if layer.weights]
    last = [*leaf_layers(session.parts.model)][-1]
    plain = len(weighted) == 1 and weighted[0] is last and isinstance(last, keras.layers.Dense)
    if session.task is Task.MULTILABEL or not plain:
        found = "a head with " + " and ".join(type(layer).__name__ for layer in weighted)
        raise TrainingError(
            f"Stage {stage.name!r} gives the head the weights of a multinomial logistic "
            "regression; expected one class for each image and a head of one softmax layer, and "
            f"got {'images with several labels' if plain else found}. Train the head with "
            "a Stage in its place: Stage('head', epochs=20, learning_rate=0.001)."
        )


class ProbeRun:
    """One probe of one training; it is done at once, so that nothing is kept on the way.

    Args:
        session: What the stages share.
        stage: The settings.
    """

    # As other stages have them.
    curve: LRCurve | None = None

    def __init__(self, session: Session, stage: ProbeStage) -> None:
        self._session, self._stage = session, stage
        self._targets = Targets.of(stage, session.train.dataset, session.task)

    def snapshots_by_place(self) -> dict[int, dict[int, np.ndarray]]:
        """Return no snapshots."""
        return {}

    def run(self) -> StageResult:
        """Solve for the head and return what it is worth; the model ends with it."""
        session, stage = self._session, self._stage
        ((first, end, chosen),) = selections(stage.policy, session.parts, 1)
        phase = session.prepare(chosen, stage)
        start = time.perf_counter()
        ahead = session.count
        work = PhaseWork(stage.name, first, end, session.trunk(phase), ahead)
        train = session.inputs(work, session.train, Change())
        images = session.validation
        held_out = None if images is None else session.inputs(work, images, Change())
        features = time.perf_counter() - start
        note = self._solve(phase, train.inputs)
        history = self._figures(phase.tail, train.inputs, held_out.inputs if held_out else None)
        exact = held_out_as_saved(session, stage.name, work.trunk)
        as_saved = {} if exact is None else self._validated(phase.tail, exact)
        notes = [*session.notes, note, phase.note, *train.notes]
        notes += held_out.notes if held_out else ()
        return StageResult(
            name=stage.name,
            history=history,
            best_epoch=0,
            learning_rate="none",
            trained_layers=tuple(x.name for x in phase.live if x.trainable_weights),
            trained_parameters=sum(int(np.prod(v.shape)) for v in phase.tail.trainable_variables),
            cut=phase.cut.name if phase.cut else None,
            timings={
                "features": round(features, 3),
                "search": 0.0,
                "training": round(time.perf_counter() - start - features, 3),
            },
            notes=tuple(x for x in dict.fromkeys(notes) if x),
            frozen=session.engines.work(stage.name, session.count, 1),
            validation_images=len(session.validation or ()),
            precision=train.check,
            as_saved={name: float(value) for name, value in as_saved.items()},
        )

    def _solve(self, phase: Phase, inputs: Inputs) -> str:
        """Give the head its weights and return what there is to say of them."""
        session = self._session
        (head,) = (layer for layer in phase.live if layer.trainable_weights)
        labels = session.train.labels
        found, told = fitted_reading(
            self._features(head, inputs, whole=phase.trunk is None),
            labels,
            len(session.train.dataset.class_names),
            folds=self._stage.folds,
            seed=session.seed,
            show=partial(session.reporter.step, self._stage.name),
        )
        weights, bias = found.weights, found.bias
        if session.task is Task.BINARY:
            weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
        head.set_weights([weights.astype("float32"), bias.astype("float32")])
        return told

    def _features(self, head: Layer, inputs: Inputs, *, whole: bool) -> np.ndarray:
        """Return what the head is given for each training image, float32 ``(n, d)``.

        Args:
            head: The layer.
            inputs: Gives the tail's input, which is just that behind a trunk.
            whole: Whether the tail is the whole model.
        """
        places, size = np.arange(len(self._session.train)), self._stage.batch_size
        below: Any = keras.Model(self._session.parts.model.inputs[0], head.input) if whole else None
        parts = []
        for start in range(0, len(places), size):
            part = inputs(places[start : start + size], 0)
            output = predict_on_batch(below, part) if whole else part
            parts.append(np.asarray(output, np.float32))
        return np.concatenate(parts)

    def _figures(
        self, tail: Any, inputs: Inputs, validation: Inputs | None
    ) -> dict[str, list[float]]:
        stage, targets = self._stage, self._targets
        own = stage.objective.compiled_metrics(targets.task, targets.classes)
        metrics = with_judging(own, targets, judged=self._session.judged)
        (one,) = targets.unweighted(np.zeros_like(self._session.train.labels[:1], "int32"))
        with self._session.devices.scope():
            tail.compile("sgd", targets.loss, metrics=metrics)
            build_compiled(tail, one)
        found = self._evaluated(tail, inputs, self._session.train.labels, "")
        if validation is not None:
            found |= self._validated(tail, validation)
        return {name: [float(value)] for name, value in found.items()}

    def _validated(self, tail: Any, inputs: Inputs) -> dict[str, float]:
        assert self._session.validation is not None
        return self._evaluated(tail, inputs, self._session.validation.labels, "val_")

    def _evaluated(
        self, tail: Any, inputs: Inputs, labels: np.ndarray, prefix: str
    ) -> dict[str, float]:
        devices, targets = self._session.devices, self._targets.unweighted
        size = devices.whole_batches(self._stage.batch_size, len(labels))
        feed = Feed(inputs, labels, targets=targets, batch_size=size, devices=devices)
        with own_errors(feed):
            batches, steps = for_fit(feed, devices), devices.steps(len(feed))
            told = tail.evaluate(batches, steps=steps, verbose=0, return_dict=True)
        return {f"{prefix}{name}": value for name, value in told.items()}
