"""What one stage of a training gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tlkit._printing import Printed, counted, one_line
from tlkit.features.precision.check import PrecisionCheck


@dataclass(frozen=True)
class FrozenWork:
    """What a stage ran of its frozen part, the trunk; a search that reads the same is not counted.

    Args:
        passes: Images that went through the trunk, training and validation, views counted each.
        plain_passes: Images that plain Keras would have run through it: images times epochs.
        engine: Name of the engine that gave the features of the training images; empty where all
            were read from the store.
        ms: Milliseconds for an image by the engine's name, as measured, Keras's among them; empty
            where nothing was measured.
    """

    passes: int
    plain_passes: int
    engine: str = ""
    ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def spared(self) -> int:
        """Passes that were not run."""
        return self.plain_passes - self.passes

    @property
    def seconds_saved(self) -> float | None:
        """At the speeds that were measured; None where there are none.

        Where all features were read, every pass of plain Keras is saved.
        """
        keras = self.ms.get("keras")
        own = self.ms.get(self.engine, 0.0 if not self.passes else None)
        if keras is None or own is None:
            return None
        return (self.plain_passes * keras - self.passes * own) / 1000


@dataclass(frozen=True, repr=False)
class StageResult(Printed):
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
        ends: For each snapshot, by its epochs, the epoch whose weights it holds, from 0.
        frozen: What was run of the frozen part; None where all of the model was trained.
        validation_images: How many the validation figures are of; 0 where there are none, or where
            an earlier version of tlkit did not note them.
        precision: What the precision of the frozen part does to its features, where that ran below
            float32 on this machine.
        as_saved: Validation figures of the whole model in float32, as it is saved, in the epoch
            that was kept; those of ``history`` are of the frozen part as it ran. Empty where that
            ran in float32, and without validation images.
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
    ends: dict[int, int] = field(default_factory=dict)
    frozen: FrozenWork | None = None
    validation_images: int = 0
    precision: PrecisionCheck | None = None
    as_saved: Mapping[str, float] = field(default_factory=dict)

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

    def __repr__(self) -> str:
        scored = f", {self.figure} {self.best(self.figure):.4f}" if self.epochs else ""
        return one_line(f"StageResult({self.name!r}, {counted(self.epochs, 'epoch')}{scored})")

    def __str__(self) -> str:
        best = f"best epoch {self.best_epoch + 1} with " if self.epochs > 1 else ""
        # A probe takes no step, and has none.
        rate = "" if self.learning_rate == "none" else f", learning rate {self.rate_text}"
        return (
            f"{self.name}: {counted(self.epochs, 'epoch')} in {self.seconds:.0f} s, {best}"
            f"{self.figure} {self.best(self.figure):.4f}{rate}, "
            f"{self.trained_parameters:,} weights trained{self.saved_text}"
        )

    @property
    def saved_text(self) -> str:
        """What the model as saved scores, where the frozen part ran below float32."""
        if self.figure not in self.as_saved:
            return ""
        return f"; as saved, in float32, {self.figure} {self.as_saved[self.figure]:.4f}"

    @property
    def figure(self) -> str:
        """Name of the figure by which people judge the stage."""
        return "val_accuracy" if "val_accuracy" in self.history else "accuracy"

    @property
    def rate_text(self) -> str:
        """The learning rate in a few digits, or the schedule in words."""
        rate = self.learning_rate
        return f"{rate:.3g}" if isinstance(rate, float) else rate

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> StageResult:
        """Return the result that `to_json` described."""
        lists = {name: tuple(data[name]) for name in ("trained_layers", "notes")}
        ends = {int(epochs): end for epochs, end in data["ends"].items()}
        frozen = None if data["frozen"] is None else FrozenWork(**data["frozen"])
        known = data.get("precision")
        precision = None if known is None else PrecisionCheck(**known)
        typed = {"ends": ends, "frozen": frozen, "precision": precision}
        return cls(**{**data, **lists, **typed})

    def after(self, epochs: int) -> StageResult:
        """Return what the stage had done after so many epochs; timings are of the whole stage."""
        history = {name: figures[:epochs] for name, figures in self.history.items()}
        end = self.ends[epochs]
        return replace(self, history=history, best_epoch=end, ends={}, as_saved={})
