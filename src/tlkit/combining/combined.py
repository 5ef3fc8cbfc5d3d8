"""What soups and ensembles have in common: a model, its contract, and what it adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tlkit._printing import Printed
from tlkit._task import Task
from tlkit.combining.gain import GainOverBest
from tlkit.inference.contract import ModelContract
from tlkit.inference.usable_model import UsableModel


@dataclass(frozen=True, eq=False, repr=False)
class Combined(UsableModel, Printed):
    """A model made of several, which predicts, is saved and exported as they are.

    Args:
        model: A keras.Model of its own: raw RGB images ``(n, height, width, 3)``, 0..255, to
            probabilities ``(n, classes)``.
        contract: Its classes, and how its pictures are read.
        members: Names of the models that were given.
        gain: What it adds over the best of them; None without validation images.
        notes: What there is to say besides, for people.
    """

    model: Any
    contract: ModelContract
    members: tuple[str, ...]
    gain: GainOverBest | None = None
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the probabilities are of, in order."""
        return self.contract.class_names

    @property
    def task(self) -> Task:
        """What the model tells of an image."""
        return self.contract.task

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """From which probability on a picture is given each label; None for 0.5."""
        return self.contract.thresholds

    @property
    def headline(self) -> str:
        """What it was made of, for people."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.headline
        if self.gain is not None:
            yield from self.gain.lines()
        yield from self.notes
