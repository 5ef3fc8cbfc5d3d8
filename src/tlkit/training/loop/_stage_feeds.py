"""The batches of one stage: for training, for its search and for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlkit._keras.types import Callback
from tlkit.training.feeding.feed import Feed, Inputs
from tlkit.training.feeding.inputs import Stored, Views
from tlkit.training.feeding.targets import Targets
from tlkit.training.loop.callbacks import steps_at_once
from tlkit.training.loop.session import Session
from tlkit.training.stage import Stage


@dataclass(frozen=True)
class StageFeeds:
    """Make the feeds of a stage.

    Args:
        session: What the stages share.
        stage: The settings.
        targets: What labels become.
    """

    session: Session
    stage: Stage
    targets: Targets

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-len(self.session.train) // self.stage.batch_size)

    def steps_at_once(self, inputs: Inputs, epochs: int, callbacks: Sequence[Callback]) -> int:
        """Return how many steps of so many epochs Keras may take without coming back to Python."""
        stored = isinstance(inputs, (Stored, Views))
        return steps_at_once(self.steps, epochs, callbacks) if stored else 1

    def train(self, inputs: Inputs, shuffled_as: str, **span: int) -> Feed:
        """Return shuffled batches of the training images.

        Args:
            inputs: Gives the tail's input.
            shuffled_as: With the seed, what the order follows from.
            **span: ``epochs`` and ``first_epoch`` of the feed.
        """
        return Feed(
            inputs,
            self.session.train.labels,
            targets=self.targets,
            batch_size=self.stage.batch_size,
            shuffle=(self.session.seed, shuffled_as),
            devices=self.session.devices,
            **span,
        )

    def held_out(self, inputs: Inputs | None) -> Feed | None:
        """Return the validation images in their order; None where there are none."""
        if inputs is None or self.session.validation is None:
            return None
        labels, targets = self.session.validation.labels, self.targets.unweighted
        devices = self.session.devices
        size = devices.whole_batches(self.stage.batch_size, len(labels))
        return Feed(inputs, labels, targets=targets, batch_size=size, devices=devices)
