"""What a stage lowers and what it counts, and what its targets have to be for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tlkit._keras.scoring import code_of_part, takes_indices, takes_logits
from tlkit._task import Task
from tlkit.errors import TrainingError
from tlkit.training._figures import OWN
from tlkit.training._losses_and_metrics import Loss, Metric, new_metric
from tlkit.training._own_metrics import own_metrics


@dataclass(frozen=True)
class Objective:
    """What a stage lowers and counts, and what its targets have to be for that.

    Args:
        loss: As `checked_loss` gives it.
        metrics: As `checked_metrics` gives them.
        smoothing: Share of each label that is spread over all classes.
        mixed: Whether labels are mixed.
    """

    loss: Loss
    metrics: tuple[Metric, ...]
    smoothing: float = 0.0
    mixed: bool = False

    @property
    def code(self) -> dict[str, str]:
        """The loss and the metrics, by the setting's name, as the code that makes them."""
        listed = ", ".join(map(code_of_part, self.metrics))
        return {"loss": code_of_part(self.loss), "metrics": f"[{listed}]"}

    @property
    def one_hot(self) -> bool:
        """Whether targets are ``(n, classes)``; class indices ``(n,)`` cost less."""
        return bool(self._asking_for_shares)

    @property
    def figures(self) -> list[str]:
        """What the figures of the stage are called, without those of validation images."""
        return list(dict.fromkeys((*OWN, *(metric.name for metric in self.new_metrics()))))

    def new_metrics(self) -> list[Any]:
        """Return metrics that have counted nothing."""
        return [new_metric(metric) for metric in self.metrics]

    def compiled_metrics(self, task: Task, classes: int) -> list[Any]:
        """Return what ``compile`` takes: the metrics, and those that every stage has."""
        metrics = self.new_metrics()
        named = {metric.name for metric in metrics}
        own = own_metrics(task, classes)
        return [*(made for name, made in own.items() if name not in named), *metrics]

    def check(self, stage: str) -> None:
        """Raise where no targets would do for all.

        Raises:
            TrainingError: Some take class indices and others shares of the classes; a loss beside
                the stage's own label smoothing; logits are expected of a head with a softmax.
        """
        if self.smoothing and self.loss is not None:
            raise TrainingError(
                f"Stage {stage!r}: label_smoothing={self.smoothing} with loss="
                f"{code_of_part(self.loss)}. Give it to the loss, such as "
                "keras.losses.CategoricalFocalCrossentropy(label_smoothing=0.1)."
            )
        shares, indices = self._asking_for_shares, self._asking_for_indices
        if shares and indices:
            raise TrainingError(
                f"Stage {stage!r}: {indices[0]} takes class indices and {shares[0]} one-hot labels."
                " Use the form of one for both: Keras has CategoricalCrossentropy for "
                "SparseCategoricalCrossentropy, TopKCategoricalAccuracy for "
                "SparseTopKCategoricalAccuracy."
            )
        for part in self._parts:
            if takes_logits(part):
                raise TrainingError(
                    f"Stage {stage!r}: {code_of_part(part)} expects logits, and models of tlkit "
                    "end with probabilities. Leave from_logits=True out."
                )

    @property
    def _parts(self) -> list[Any]:
        loss = [] if self.loss is None else [_resolved(self.loss)]
        return [*loss, *self.new_metrics()]

    @property
    def _asking_for_shares(self) -> list[str]:
        asking = [("label_smoothing", self.smoothing > 0), ("mix", self.mixed)]
        settings = [name for name, asks in asking if asks]
        return settings + [code_of_part(x) for x in self._parts if not takes_indices(x)]

    @property
    def _asking_for_indices(self) -> list[str]:
        return [code_of_part(part) for part in self._parts if takes_indices(part)]


def _resolved(loss: Loss) -> Any:
    import keras

    return keras.losses.get(loss) if isinstance(loss, str) else loss
