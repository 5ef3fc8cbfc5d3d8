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

from tlkit._keras.graph import Graph
from tlkit._keras.types import Model, Variable
from tlkit.backbones.all_cuts import CUTS
from tlkit.backbones.weights import load_file
from tlkit.data.class_names import positions, shown_names
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
        class_names: The classes, in the order of the training images.
    """

    file: Path
    columns: NDArray[np.int64] | None
    class_names: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the head's columns stand in another order than the classes."""
        return self.columns is not None and bool((np.diff(self.columns) != 1).any())

    def load(self, model: Model) -> None:
        """Give the weights to a model.

        Raises:
            WeightsError: They do not fit.
            TrainingError: Classes stand in another order, and it cannot be told which weights of
                the head are of which.
        """
        of_classes = self._of_classes(model) if self.moved else ()
        try:
            load_file(model, self.file)
        except WeightsError as error:
            raise WeightsError(
                f"{error}\nstart_from takes the head over too, and needs one of the same sizes and "
                "number of classes: a head that reads all depths of the backbone, as that of "
                "fine_tune, is head=tlkit.Head(cuts='all'). "
                f"weights={str(self.file)!r} takes the backbone alone."
            ) from error
        for weight in of_classes:
            values = np.asarray(weight)
            # One sigmoid tells the second class: 1 - p of the other way round.
            weight.assign(-values if values.shape[-1] == 1 else values[..., self.columns])

    def _of_classes(self, model: Model) -> Sequence[Variable]:
        """Return the weights whose last axis is that of the classes."""
        columns = self.columns
        assert columns is not None
        weights = _last_weights(model)
        if weights and all(weight.shape[-1] in (1, len(columns)) for weight in weights):
            return weights
        order = [self.class_names[place] for place in np.argsort(columns)]
        raise TrainingError(
            f"start_from={str(self.file)!r} has the classes in the order {shown_names(order)}, the "
            f"training images have them as {shown_names(self.class_names)}, and this head does not "
            "end in one Dense layer, so that it cannot be told which of its weights are of which "
            "class. Give the images the order of the file: train.with_classes([...])."
        )


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
    columns = positions(class_names, known, words=words, way_out=way_out, error=TrainingError)
    return Start(file, columns, tuple(class_names))


def _last_weights(model: Model) -> Sequence[Variable]:
    """Return the weights of the layer whose outputs a model's are; none where it cannot be told.

    That is a Dense or Conv2D layer, which has a column for each, and what does not tell one output
    from another may follow it.
    """
    from keras import layers

    alike = (layers.Activation, layers.Softmax, layers.GlobalAveragePooling2D)
    graph = Graph.of(model)
    source, tensor = {id(step.output): step for step in graph.steps}, graph.output
    while (step := source.get(id(tensor))) and isinstance(step.operation, alike):
        tensor = step.inputs[0]
    calls = [each for each in graph.steps if step is not None and each.operation is step.operation]
    if len(calls) != 1:
        return ()
    last = calls[0].operation
    apart = isinstance(last, (layers.Dense, layers.Conv2D)) and getattr(last, "groups", 1) == 1
    return last.weights if apart else ()


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
