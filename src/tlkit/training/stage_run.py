"""Running one stage: phases, search, training, checkpoints, the best weights kept."""

from __future__ import annotations

import copy
import time
from typing import Any

import keras
import numpy as np

from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.callbacks import EpochKeeper
from tlkit.training.checkpoint import Progress, assign, read_checkpoint
from tlkit.training.described import described
from tlkit.training.feed import Feed, Inputs, own_errors
from tlkit.training.parts import seed_noise
from tlkit.training.phase import Phase, check_frozen, frozen_digests, prepare, selections
from tlkit.training.result import StageResult
from tlkit.training.run import StageFiles
from tlkit.training.session import Images, Session
from tlkit.training.stage import Stage


class StageRun:
    """One stage of one training.

    Args:
        session: What the stages share.
        stage: The settings.
        files: Where checkpoints are written, and read where there are any; or None.
    """

    def __init__(self, session: Session, stage: Stage, files: StageFiles | None = None) -> None:
        self._session = session
        self._stage = stage
        self._files = files
        self._phases = selections(stage.policy, session.parts, stage.epochs)
        chosen = {id(layer) for _, _, layers in self._phases for layer in layers}
        self._live = [x for x in session.parts.backbone if id(x) in chosen]
        self._live += session.parts.head
        self._weights = [w for layer in self._live for w in layer.weights]
        self._state = [v for layer in self._live for v in layer.variables]
        self._progress = Progress()
        self._best: list[np.ndarray] = []
        self._saved: dict[str, list[np.ndarray]] = {}
        self._callbacks = copy.deepcopy(list(stage.callbacks))
        self._timings = {"features": 0.0, "search": 0.0, "training": 0.0}
        self._notes: list[str] = []
        self.curve: LRCurve | None = None

    def run(self) -> StageResult:
        """Train the stage and return what it did; the model ends with the kept weights."""
        self._begin()
        phase = None
        for first, end, chosen in self._phases:
            if not self._done(end):
                phase = self._run_phase(first, end, chosen)
        assign(self._weights, self._best)
        return self._result(phase or prepare(self._session.parts, self._last_chosen()))

    def _last_chosen(self) -> tuple[Any, ...]:
        """Return the backbone layers of the phase that the last finished epoch belongs to."""
        epoch = self._progress.epoch - 1
        return next(chosen for first, end, chosen in self._phases if first <= epoch < end)

    def _begin(self) -> None:
        if self._files is None or not self._files.checkpoint.is_file():
            seed_noise(self._live, self._session.seed, self._stage.name)
            return
        self._progress, self._saved = read_checkpoint(self._files.checkpoint)
        assign(self._state, self._saved["state"])
        self._best = self._saved["best"]
        self._notes.append(f"resumed after epoch {self._progress.epoch}")
        self.curve = self._files.searched(self._stage.learning_rate)

    def search(self, finder: ExponentialLRFinder) -> LRCurve:
        """Return the curve of a search on the first phase; the model is left as it was."""
        self._begin()
        phase = prepare(self._session.parts, self._phases[0][2])
        inputs, _ = self._prepare_inputs(phase)
        return self._search(phase, inputs, finder)

    def _done(self, end: int) -> bool:
        return self._progress.epoch >= end or self._progress.stopped

    def _run_phase(self, first: int, end: int, chosen: Any) -> Phase:
        phase = prepare(self._session.parts, chosen)
        before = frozen_digests(phase)
        inputs, validation = self._prepare_inputs(phase)
        self._compile(phase.tail, self._rate(phase, inputs))
        if self._saved and self._progress.epoch > first:
            phase.tail.optimizer.build(phase.tail.trainable_variables)
            assign(phase.tail.optimizer.variables, self._saved["optimizer"])
        start = time.perf_counter()
        self._fit(phase.tail, inputs, validation, max(first, self._progress.epoch), end)
        self._timings["training"] += time.perf_counter() - start
        check_frozen(phase, before)
        return phase

    def _prepare_inputs(self, phase: Phase) -> tuple[Inputs, Inputs | None]:
        session, stage = self._session, self._stage
        start = time.perf_counter()
        passes = stage.epochs if stage.augmentation else 1
        ahead = len(session.train) * passes + len(session.validation or ())
        trunk = session.trunk(phase, ahead)
        inputs = session.inputs(trunk, session.train, stage.name, stage.augmentation)
        validation = None
        if session.validation is not None:
            validation = session.inputs(trunk, session.validation, stage.name, None)
        self._timings["features"] += time.perf_counter() - start
        notes = [phase.note, *(trunk.notes if trunk else ())]
        self._notes += [note for note in notes if note and note not in self._notes]
        return inputs, validation

    def _rate(self, phase: Phase, inputs: Inputs) -> Any:
        if not self._stage.searches:
            return self._stage.learning_rate
        if self._progress.learning_rate is None:
            self.curve = self._search(phase, inputs, self._stage.learning_rate)
            self._progress.learning_rate = self.curve.suggestion
            if self._files is not None:
                self.curve.save(self._files.curve)
        return self._progress.learning_rate

    def _search(self, phase: Phase, inputs: Inputs, finder: ExponentialLRFinder) -> LRCurve:
        start = time.perf_counter()
        self._compile(phase.tail, finder.min_lr)
        steps = self._feed(self._session.train, inputs).steps
        epochs = finder.steps if finder.unit == "epoch" else -(-finder.steps // steps)
        feed = self._feed(self._session.train, inputs, "search", epochs=epochs)
        showing = _SearchReport(self._session, finder)
        with own_errors(feed):
            curve = finder.find(
                phase.tail,
                feed,
                steps_per_epoch=steps if finder.unit == "epoch" else None,
                shuffle=False,
                callbacks=[showing],
            )
        self._timings["search"] += time.perf_counter() - start
        return curve

    def _compile(self, tail: Any, rate: Any) -> None:
        given = self._stage.optimizer
        optimizer = given(rate) if callable(given) else type(keras.optimizers.get(given))(rate)
        tail.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])

    def _feed(self, images: Images, inputs: Inputs, shuffled_as: str = "", **span: int) -> Feed:
        shuffle = (self._session.seed, shuffled_as) if shuffled_as else None
        return Feed(
            inputs, images.labels, batch_size=self._stage.batch_size, shuffle=shuffle, **span
        )

    def _fit(
        self, tail: Any, inputs: Inputs, validation: Inputs | None, first: int, end: int
    ) -> None:
        session, stage = self._session, self._stage
        train = self._feed(session.train, inputs, stage.name, epochs=end - first, first_epoch=first)
        held_out = None
        if validation is not None and session.validation is not None:
            held_out = self._feed(session.validation, validation)
        with own_errors(train, held_out):
            tail.fit(
                train,
                initial_epoch=first,
                epochs=end,
                steps_per_epoch=train.steps,
                validation_data=held_out,
                shuffle=False,
                verbose=0,
                callbacks=[*self._callbacks, self._keeper()],
            )

    def _keeper(self) -> EpochKeeper:
        watched = self._stage.keep_best
        if watched and watched.startswith("val_") and self._session.validation is None:
            watched = None
        return EpochKeeper(
            stage=self._stage.name,
            keep_best=watched,
            progress=self._progress,
            others=self._callbacks,
            weights=self._weights,
            state=self._state,
            best=self._best,
            file=self._files.checkpoint if self._files else None,
            show=self._show,
        )

    def _show(self, done: int, figures: dict[str, float]) -> None:
        text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self._session.reporter.step(self._stage.name, done, self._stage.epochs, text)

    def _result(self, phase: Phase) -> StageResult:
        rate = self._stage.learning_rate if not self._stage.searches else None
        rate = self._progress.learning_rate if rate is None else rate
        self._timings["training"] = max(self._timings["training"], self._progress.seconds)
        return StageResult(
            name=self._stage.name,
            history=self._progress.history,
            best_epoch=self._progress.best_epoch,
            learning_rate=float(rate) if isinstance(rate, (int, float)) else described(rate),
            trained_layers=tuple(x.name for x in phase.live if x.trainable_weights),
            trained_parameters=sum(int(np.prod(v.shape)) for v in phase.tail.trainable_variables),
            cut=phase.cut.name if phase.cut else None,
            timings={name: round(seconds, 3) for name, seconds in self._timings.items()},
            notes=tuple(self._notes),
        )


class _SearchReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows each rate that a search has tried."""

    def __init__(self, session: Session, finder: ExponentialLRFinder) -> None:
        super().__init__()
        self._session = session
        self._finder = finder

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the loss of one rate."""
        figures = f"loss {(logs or {}).get('loss', float('nan')):.4f}"
        self._session.reporter.step("rates", epoch + 1, self._finder.steps, figures)
