"""What a training gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tlkit._printing import Printed, counted, html_table, one_line
from tlkit.errors import TrainingError
from tlkit.learning_rate.curve import LRCurve

# Arrays by the place of their weight among the model's.
Snapshot = Mapping[int, Any]


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
        figure = self.figure
        return (
            f"{self.name}: {self.epochs} epochs in {self.seconds:.0f} s, best epoch "
            f"{self.best_epoch + 1} with {figure} {self.best(figure):.4f}, learning rate "
            f"{self.rate_text}, {self.trained_parameters:,} weights trained"
        )

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
        return cls(**{**data, **lists, "ends": ends, "frozen": frozen})

    def after(self, epochs: int) -> StageResult:
        """Return what the stage had done after so many epochs; timings are of the whole stage."""
        history = {name: figures[:epochs] for name, figures in self.history.items()}
        return replace(self, history=history, best_epoch=self.ends[epochs], ends={})


@dataclass(frozen=True, repr=False)
class TrainingResult(Printed):
    """What a training gave.

    Args:
        model: The trained keras.Model: raw RGB images ``(n, height, width, 3)``, 0..255, to
            probabilities ``(n, classes)``. Saved with ``model.save("x.keras")`` it needs plain
            Keras only.
        class_names: What the probabilities are of, in order.
        stages: What each stage did, in order.
        curves: Learning-rate curve of each stage that searched for its rate.
        snapshots: Weights at the last stage's ``snapshots``, by their epochs; see `after`.
    """

    model: Any
    class_names: tuple[str, ...]
    stages: tuple[StageResult, ...]
    curves: Mapping[str, LRCurve] = field(default_factory=dict)
    snapshots: Mapping[int, Snapshot] = field(default_factory=dict)

    @property
    def history(self) -> dict[str, dict[str, list[float]]]:
        """Figures by epoch of each stage."""
        return {stage.name: stage.history for stage in self.stages}

    @property
    def timings(self) -> dict[str, dict[str, float]]:
        """Seconds by kind of work of each stage."""
        return {stage.name: stage.timings for stage in self.stages}

    def after(self, epochs: int) -> TrainingResult:
        """Return what a training would have given whose last stage had fewer epochs.

        Args:
            epochs: One of the last stage's ``snapshots``.

        Returns:
            A result with a model of its own. Its timings are those of the whole training.

        Raises:
            TrainingError: There is no such snapshot.

        Example:
            >>> import tlkit, tlkit.testing
            >>> stage = tlkit.Stage("head", epochs=3, learning_rate=0.01, snapshots=(1,))
            >>> trainer = tlkit.StagedTrainer(
            ...     tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[stage])
            >>> result = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0)
            >>> result.after(1).stages[-1].epochs
            1
        """
        if epochs not in self.snapshots:
            raise TrainingError(
                f"There is no snapshot after {epochs} epochs, only after "
                f"{list(self.snapshots) or 'none'}. Give the last stage snapshots=({epochs},)."
            )
        import keras

        model = keras.models.clone_model(self.model)
        model.set_weights(self.model.get_weights())
        for place, array in self.snapshots[epochs].items():
            model.weights[place].assign(array)
        *before, last = self.stages
        return replace(self, model=model, stages=(*before, last.after(epochs)), snapshots={})

    def __repr__(self) -> str:
        stages = ", ".join(map(repr, self.stages))
        return one_line(f"TrainingResult({len(self.class_names)} classes, {stages})")

    def __str__(self) -> str:
        return "\n".join(map(str, self.stages))

    def _repr_html_(self) -> str:
        header = ("stage", "epochs", "best epoch", "score", "learning rate", "trained", "seconds")
        return html_table(header, map(_row, self.stages))


def _row(stage: StageResult) -> tuple[str, ...]:
    return (
        stage.name,
        str(stage.epochs),
        str(stage.best_epoch + 1),
        f"{stage.figure} {stage.best(stage.figure):.4f}",
        stage.rate_text,
        f"{stage.trained_parameters:,}",
        f"{stage.seconds:.0f}",
    )
