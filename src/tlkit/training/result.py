"""What a training gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class StageResult:
    """What one stage did.

    Args:
        name: The stage's name.
        history: Figures by epoch, as Keras names them.
        best_epoch: The epoch, from 0, whose weights the stage ended with.
        learning_rate: The rate it used, or the schedule in words.
        trained_layers: Names of the layers that could change.
        trained_parameters: Weights that were trained.
        cut: The layer behind which the model was cut, or None where all of it was run.
        timings: Seconds by kind of work: features, search, training.
        notes: What the stage has to say: engine, store, fallbacks.
    """

    name: str
    history: dict[str, list[float]]
    best_epoch: int
    learning_rate: float | str
    trained_layers: tuple[str, ...]
    trained_parameters: int
    cut: str | None
    timings: dict[str, float]
    notes: tuple[str, ...] = ()

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return len(self.history.get("loss", ()))

    @property
    def seconds(self) -> float:
        """All time of the stage in seconds."""
        return sum(self.timings.values())

    def best(self, figure: str) -> float:
        """Return a figure of the history in the epoch that was kept."""
        return self.history[figure][self.best_epoch]

    def __str__(self) -> str:
        figure = "val_accuracy" if "val_accuracy" in self.history else "accuracy"
        return (
            f"{self.name}: {self.epochs} epochs in {self.seconds:.0f} s, best epoch "
            f"{self.best_epoch + 1} with {figure} {self.best(figure):.4f}, learning rate "
            f"{self._rate()}, {self.trained_parameters:,} weights trained"
        )

    def _rate(self) -> str:
        rate = self.learning_rate
        return f"{rate:.3g}" if isinstance(rate, float) else rate

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StageResult:
        """Return the result that `to_json` described."""
        lists = {name: tuple(data[name]) for name in ("trained_layers", "notes")}
        return cls(**{**data, **lists})


@dataclass(frozen=True)
class TrainingResult:
    """What a training gave.

    Args:
        model: The trained keras.Model: raw RGB images ``(n, height, width, 3)``, 0..255, to
            probabilities ``(n, classes)``. Saved with ``model.save("x.keras")`` it needs plain
            Keras only.
        class_names: What the probabilities are of, in order.
        stages: What each stage did, in order.
        curves: Learning-rate curve of each stage that searched for its rate.
    """

    model: Any
    class_names: tuple[str, ...]
    stages: tuple[StageResult, ...]
    curves: dict[str, Any] = field(default_factory=dict)

    @property
    def history(self) -> dict[str, dict[str, list[float]]]:
        """Figures by epoch of each stage."""
        return {stage.name: stage.history for stage in self.stages}

    @property
    def timings(self) -> dict[str, dict[str, float]]:
        """Seconds by kind of work of each stage."""
        return {stage.name: stage.timings for stage in self.stages}

    def __str__(self) -> str:
        return "\n".join(map(str, self.stages))
