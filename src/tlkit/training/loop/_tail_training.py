"""Training of a stage's tail: compiled, searched for its learning rate, fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tlkit._keras.built import build_compiled
from tlkit._keras.compiled_updates import compile_updates, worth_compiling
from tlkit._keras.fit_types import CompiledModel
from tlkit._keras.for_fit import for_fit
from tlkit._keras.layers import is_batch_norm, leaf_layers
from tlkit._keras.optimizers import epochs_per_rate, on_one_device, steps_per_update
from tlkit._keras.saved_with import saved_with
from tlkit._keras.types import Layer, Model
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.learning_rate.rate import Rate
from tlkit.learning_rate.sweep.kept import SweepKeeper
from tlkit.training.feeding.feed import Inputs, own_errors
from tlkit.training.feeding.targets import Targets
from tlkit.training.loop._judging import with_judging
from tlkit.training.loop._reports import BatchSearchReport, SearchReport
from tlkit.training.loop._seen_model import follow_state, sees_images
from tlkit.training.loop._stage_feeds import StageFeeds
from tlkit.training.loop._toward_start import starts_of
from tlkit.training.loop.optimizers import Rates, make_optimizer
from tlkit.training.loop.session import Session
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class TailTraining:
    """Trains the tail of each phase of a stage.

    Args:
        session: What the stages share.
        stage: The settings.
        targets: What labels become.
        feeds: Makes the batches.
        starts: Values of the backbone's weights when the stage began, by the id of each, where
            ``l2_sp`` holds them; empty for those that they have when a tail is compiled.
    """

    session: Session
    stage: Stage
    targets: Targets
    feeds: StageFeeds
    starts: dict[int, np.ndarray] = field(default_factory=dict)

    def begin(self, layers: Iterable[Layer]) -> None:
        """Note with which weights the stage begins: before a checkpoint of it is read.

        Args:
            layers: Those that the stage trains.
        """
        if self.stage.l2_sp is not None:
            head = self.session.parts.head
            self.starts.update(starts_of(layer for layer in layers if layer not in head))

    def compile(
        self,
        tail: CompiledModel,
        rate: Rate,
        *,
        first: int = 0,
        at_once: int = 1,
        search: bool = False,
    ) -> None:
        """Give a tail a new optimizer.

        Args:
            tail: What is trained.
            rate: The learning rate; none that is still to be searched for.
            first: Epochs of the stage before the phase.
            at_once: Steps that Keras takes without coming back to Python.
            search: Whether it is for a search, whose few steps compile nothing.
        """
        rates, parts = self._rates(rate, first), self.session.parts
        trained = tail.trainable_variables
        with self.session.devices.scope():
            optimizer = make_optimizer(self.stage, rates, parts, trained, self.starts)
            if not self.session.devices.spread:
                on_one_device(optimizer)
            loss, metrics = self.targets.loss, self._metrics()
            if not search and self._compiles_updates(tail, optimizer):
                compile_updates(optimizer, trained)
            tail.compile(optimizer, loss, metrics=metrics, steps_per_execution=at_once)
            build_compiled(tail, self._one_target)

    def _compiles_updates(self, tail: CompiledModel, optimizer: Any) -> bool:
        """Return whether the update is compiled, which changes how its sums are rounded.

        Behind a bias BatchNormalization leaves a gradient that is all rounding, of which Adam
        makes whole steps. Devices update their weights together, which is not compiled.
        """
        if self.session.devices.spread:
            return False
        if any(is_batch_norm(layer) and layer.trainable for layer in leaf_layers(tail)):
            return False
        steps = self.stage.epochs * self.feeds.steps
        return worth_compiling(optimizer, tail.trainable_variables, steps)

    def _rates(self, rate: Rate, first: int) -> Rates:
        steps, own = self.feeds.steps, self.stage.backbone_learning_rate
        place = {"steps": steps * self.stage.epochs, "start": steps * first}
        below = None if own is None else Rate.of(own).for_phase(**place)
        return Rates(rate.for_phase(**place), below, self.stage.layer_decay)

    def seen(self, tail: CompiledModel) -> Any | None:
        """Return the whole model as callbacks see it, compiled as the tail is.

        It has the tail's optimizer and weights, and its ``save`` writes its class names along. It
        is a model of its own, so that the trained one stays without an optimizer.

        Args:
            tail: Of the phase, compiled.

        Returns:
            None where no callback may want images.
        """
        if not any(map(sees_images, self.stage.callbacks)):
            return None
        whole = self.session.parts.model
        with self.session.devices.scope():
            model: Any = keras.Model(whole.inputs[0], whole.outputs[0], name=whole.name)
            model.compile(tail.optimizer, self.targets.loss, metrics=self._metrics())
            build_compiled(model, self._one_target)
        follow_state(model, tail)
        return saved_with(model, self.session.contract)

    @property
    def _one_target(self) -> np.ndarray:
        labels = np.zeros_like(self.session.train.labels[:1], "int32")
        (one,) = self.targets.unweighted(labels)
        return one

    def _metrics(self) -> list[Any]:
        targets = self.targets
        metrics = self.stage.objective.compiled_metrics(targets.task, targets.classes)
        return with_judging(metrics, targets, judged=self.session.judged)

    def search(
        self,
        tail: CompiledModel,
        inputs: Inputs,
        finder: ExponentialLRFinder,
        at_once: int,
        keeper: SweepKeeper | None = None,
    ) -> LRCurve:
        """Return the curve of a search; the tail is left as it was, but compiled.

        Args:
            tail: What is trained.
            inputs: Gives the tail's input.
            finder: Which rates to try.
            at_once: As for `compile`.
            keeper: Keeps how far a search by epoch is; None keeps nothing.
        """
        self.compile(tail, Rate.of(finder.min_lr), at_once=at_once, search=True)
        steps = self.feeds.steps
        reporter, rates, done = self.session.reporter, finder.steps, 0
        if finder.unit == "epoch":
            epochs = self.search_steps(tail, finder) // steps
            showing = SearchReport(reporter, rates, epochs // rates)
            known = keeper.read() if keeper else None
            if known and not finder.fresh_start:  # else each rate reads the same
                done = len(known.losses) * (epochs // rates)
        else:
            epochs = -(-rates // steps)
            showing = BatchSearchReport(reporter, rates)
        # One that comes to no rate any more asks for a batch all the same, to see what it is like.
        span = {"epochs": max(1, epochs - done), "first_epoch": done}
        feed = self.feeds.train(inputs, "search", **span)
        with own_errors(feed), self.session.devices.training(tail):
            return finder.find(
                tail,
                for_fit(feed, self.session.devices) if finder.unit == "epoch" else feed,
                steps_per_epoch=steps if finder.unit == "epoch" else None,
                shuffle=False,
                callbacks=[showing],
                keeper=keeper,
            )

    def search_steps(self, tail: CompiledModel, finder: ExponentialLRFinder) -> int:
        """Return the training steps of a search that does not end early.

        Args:
            tail: Compiled as for the search.
            finder: Which rates to try.
        """
        if finder.unit == "epoch":
            steps = self.feeds.steps
            again = epochs_per_rate(tail.optimizer, steps, fresh=finder.fresh_start)
            return finder.steps * again * steps
        return finder.steps * (steps_per_update(tail.optimizer) + finder.fresh_start)

    def evaluated(self, tail: Any, inputs: Inputs | None) -> dict[str, float]:
        """Return the validation figures of a tail that was trained.

        Args:
            tail: Compiled.
            inputs: Gives its input for the validation images; None for no figures.
        """
        feed, devices = self.feeds.held_out(inputs), self.session.devices
        if feed is None:
            return {}
        with own_errors(feed):
            batches, steps = for_fit(feed, devices), devices.steps(len(feed))
            told = tail.evaluate(batches, steps=steps, verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in told.items()}

    def fit(
        self,
        tail: Model,
        inputs: Inputs,
        validation: Inputs | None,
        span: range,
        told: Callable[..., Any],
    ) -> None:
        """Train a tail that is compiled.

        Args:
            tail: What is trained.
            inputs: Gives the tail's input.
            validation: The same for validation images, or None.
            span: The epochs.
            told: Makes the callbacks' list.
        """
        train = self.feeds.train(inputs, self.stage.name, epochs=len(span), first_epoch=span.start)
        held_out = self.feeds.held_out(validation)
        devices = self.session.devices
        with own_errors(train, held_out), devices.training(tail):
            tail.fit(
                for_fit(train, devices),
                initial_epoch=span.start,
                epochs=span.stop,
                steps_per_epoch=train.steps,
                validation_data=held_out and for_fit(held_out, devices, again=True),
                validation_steps=held_out and devices.steps(len(held_out)),
                shuffle=False,
                verbose=0,
                callbacks=told(epochs=span.stop, steps=train.steps, verbose=0),
            )
