"""The weights that a training starts from, with the head's columns in the order of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.backbones.weights import load_file
from tlkit.data.class_names import positions
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError, WeightsError
from tlkit.freezing.own_head import AnyHead
from tlkit.training.run_dir.saved_names import names_of_file


@dataclass(frozen=True, eq=False)
class Start:
    """A weights file that fits the classes.

    Args:
        file: The file.
        columns: Which of its head's columns belongs to each class; None where the file does not
            tell, and is taken as it is.
    """

    file: Path
    columns: NDArray[np.int64] | None

    @property
    def moved(self) -> bool:
        """Whether the head's columns stand in another order than the classes."""
        return self.columns is not None and bool((np.diff(self.columns) != 1).any())

    def load(self, model: Model) -> None:
        """Give the weights to a model that ends with `Head`'s outputs.

        Raises:
            WeightsError: They do not fit.
        """
        try:
            load_file(model, self.file)
        except WeightsError as error:
            raise WeightsError(
                f"{error}\nstart_from takes the head over too, and needs one of the same sizes and "
                f"number of classes. weights={str(self.file)!r} takes the backbone alone."
            ) from error
        if self.moved:
            for weight in model.layers[-1].weights:
                values = np.asarray(weight)
                # One sigmoid tells the second class: 1 - p of the other way round.
                weight.assign(-values if values.shape[-1] == 1 else values[..., self.columns])


def start_of(file: Path | None, head: AnyHead, train: LabelledImages) -> Start | None:
    """Look at a file's classes before anything is begun; None where there is no file.

    Args:
        file: ``start_from`` of a trainer.
        head: Of its model.
        train: Training images.

    Raises:
        TrainingError: The run that wrote the file was of other classes; or the head is to start
            from a probe too, or from one of images with several labels.
        RunDirectoryError: The settings of that run are damaged.
    """
    _check_probe(file, head, train)
    if file is None:
        return None
    known = names_of_file(file) if file.is_file() else None
    if known is None:
        return Start(file, None)
    way_out = (
        f"start_from={str(file)!r} takes the head over too: name the classes alike. Or take the "
        "backbone alone: give that run's model.keras as weights=... instead of start_from."
    )
    words = ("the training images", "the run of start_from")
    return Start(
        file, positions(train.class_names, known, words=words, way_out=way_out, error=TrainingError)
    )


def _check_probe(file: Path | None, head: AnyHead, train: LabelledImages) -> None:
    if head.start != "probe":
        return
    if file is not None:
        raise TrainingError(
            f"{head!r} and start_from={str(file)!r} both say what the head starts from. "
            "Give one of them."
        )
    if train.labels.ndim > 1:
        raise TrainingError(
            f"{head!r}: a probe tells one class for each image, and train is a "
            f"{type(train).__name__}. Leave start out."
        )
