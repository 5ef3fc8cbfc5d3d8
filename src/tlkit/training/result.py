"""What a training gave."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tlkit._printing import Printed, html_table, one_line
from tlkit._task import Task
from tlkit._thresholds import Thresholds, checked_thresholds
from tlkit.data.decoding.fitting import SQUASH, Fit
from tlkit.errors import TrainingError
from tlkit.inference.contract import ModelContract
from tlkit.inference.usable_model import UsableModel
from tlkit.learning_rate.curve import LRCurve
from tlkit.training.kept import Keep, kept_lines, kept_stage
from tlkit.training.stage_result import StageResult

# Arrays by the place of their weight among the model's.
Snapshot = Mapping[int, Any]


@dataclass(frozen=True, repr=False)
class TrainingResult(UsableModel, Printed):
    """What a training gave.

    Args:
        model: The trained keras.Model: raw RGB images ``(n, height, width, 3)``, 0..255, to
            probabilities ``(n, classes)``.
        class_names: What the probabilities are of, in order.
        stages: What each stage did, in order.
        curves: Learning-rate curve of each stage that searched for its rate.
        snapshots: Weights at the last stage's ``snapshots``, by their epochs; see `after`.
        keep: Whether the model has the weights of the ``"last"`` or of the ``"best"`` stage.
        depth: At which depth training images of more than 8 bits were read; None without any.
        fit: How training images came to the model's size; see `tlkit.ImageDataset`.
        task: What the model tells of an image: one class by a softmax or a single sigmoid, whose
            model gives ``(n, 1)``; or any number of labels.
        thresholds: From which probability on a picture is given each label, by a model of any
            number of labels; None for 0.5. See `with_thresholds`.
    """

    model: Any
    class_names: tuple[str, ...]
    stages: tuple[StageResult, ...]
    curves: Mapping[str, LRCurve] = field(default_factory=dict)
    snapshots: Mapping[int, Snapshot] = field(default_factory=dict)
    keep: Keep = "last"
    depth: int | None = None
    fit: Fit = SQUASH
    task: Task = Task.MULTICLASS
    thresholds: tuple[float, ...] | None = None

    @property
    def contract(self) -> ModelContract:
        """What it takes to use the model: its classes, and how its pictures are read."""
        height, width = self.model.input_shape[1:3]
        return ModelContract(
            self.class_names,
            (height, width),
            self.depth,
            fit=self.fit,
            task=self.task,
            thresholds=self.thresholds,
        )

    @property
    def kept(self) -> StageResult:
        """The stage whose weights the model has."""
        return kept_stage(self.stages, self.keep)

    @property
    def history(self) -> dict[str, dict[str, list[float]]]:
        """Figures by epoch of each stage."""
        return {stage.name: stage.history for stage in self.stages}

    @property
    def timings(self) -> dict[str, dict[str, float]]:
        """Seconds by kind of work of each stage."""
        return {stage.name: stage.timings for stage in self.stages}

    def with_thresholds(self, thresholds: Thresholds) -> TrainingResult:
        """Return the same result, whose labels are given from other probabilities on.

        They travel with the model, through `save` and `export`, and `tlkit.evaluate` and
        `tlkit.Predictor` use them::

            result = result.with_thresholds(tlkit.evaluate(result, validation).best_thresholds())

        Args:
            thresholds: A number in 0..1 for all labels, or one for each, in their order or by name.

        Raises:
            TrainingError: They do not fit, or the model tells one class of each picture.
        """
        if self.task is not Task.MULTILABEL:
            raise TrainingError(
                "with_thresholds is for models of any number of labels; this one tells one class "
                "of each picture, the most probable. Train on a tlkit.MultiLabelDataset."
            )
        cuts = checked_thresholds(thresholds, self.class_names, TrainingError)
        return replace(self, thresholds=cuts)

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
        return "\n".join([*map(str, self.stages), *kept_lines(self.stages, self.keep)])

    def _repr_html_(self) -> str:
        header = ("stage", "epochs", "best epoch", "score", "learning rate", "trained", "seconds")
        told = "".join(f"<p>{html.escape(x)}</p>" for x in kept_lines(self.stages, self.keep))
        return html_table(header, map(_row, self.stages)) + told


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
