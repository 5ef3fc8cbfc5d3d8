"""The weights that a training starts from, with the head's columns in the order of the classes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit.backbones.all_cuts import CUTS
from tlkit.backbones.weights import load_file
from tlkit.data.class_names import positions
from tlkit.errors import TrainingError, WeightsError
from tlkit.freezing.head import Head
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
                "number of classes: a head that reads all depths of the backbone, as that of "
                "fine_tune, is head=tlkit.Head(cuts='all'). "
                f"weights={str(self.file)!r} takes the backbone alone."
            ) from error
        if self.moved:
            for weight in model.layers[-1].weights:
                values = np.asarray(weight)
                # One sigmoid tells the second class: 1 - p of the other way round.
                weight.assign(-values if values.shape[-1] == 1 else values[..., self.columns])


def start_of(file: Path | None, class_names: Sequence[str]) -> Start | None:
    """Look at a file's classes before anything is begun; None where there is no file.

    Args:
        file: ``start_from`` of a trainer.
        class_names: Classes of the training images.

    Raises:
        TrainingError: The run that wrote the file was of other classes.
        RunDirectoryError: The settings of that run are damaged.
    """
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
        file, positions(class_names, known, words=words, way_out=way_out, error=TrainingError)
    )


def head_of_file(file: str | PathLike[str] | None) -> Head | None:
    """Return a head that reads of a backbone what that of a file does; None without a file.

    Args:
        file: A ``.keras`` file, which tells it, or weights alone, which are taken for those of a
            head on the backbone's output.
    """
    if file is None:
        return None
    return Head(cuts="all" if CUTS in _layer_names(Path(file)) else "last")


def _layer_names(file: Path) -> list[str]:
    """Return the names of a ``.keras`` file's layers; none of another, or of one that is damaged.

    That a file is damaged is told when its weights are read.
    """
    if file.suffix != ".keras":
        return []
    try:
        with zipfile.ZipFile(file) as model:
            config = json.loads(model.read("config.json"))["config"]
            return [str(layer["name"]) for layer in config["layers"]]
    except (OSError, LookupError, TypeError, ValueError, zipfile.BadZipFile):
        return []
