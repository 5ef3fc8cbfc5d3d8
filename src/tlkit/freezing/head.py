"""The classification head that is put on a backbone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tlkit._keras.types import Model
from tlkit._numbers import is_number, is_whole, plain
from tlkit._seeds import stream_seed
from tlkit._task import Task
from tlkit.errors import CutError, TrainingError


@dataclass(frozen=True)
class Head:
    """Global average pooling, hidden layers with dropout, and a softmax or sigmoids.

    Args:
        units: Width of each hidden Dense layer; none by default. The study: ``(1024, 512)``.
        dropout: Rate in [0, 1) after each hidden layer, or before the softmax if there is none.
        activation: Of the hidden layers.
        output: ``"auto"`` is a softmax over the classes, or for a `tlkit.MultiLabelDataset` a
            sigmoid for each label. ``"sigmoid"`` is for two classes a single sigmoid, the
            probability of the second class, trained by binary cross-entropy.
        cuts: What the head reads. ``"last"`` is the backbone's output; ``"all"`` averages of it and
            of the ends of blocks at several depths, side by side, as in Head2Toe (Evci et al.,
            2022, https://arxiv.org/abs/2201.03529) without its selection; ``"auto"`` the latter
            where a backbone has feature maps at several depths. The model can then not be cut
            between the first of these depths and the head: a stage that trains some of the layers
            between them runs all of the model.

    Raises:
        TrainingError: A width below 1, a rate outside [0, 1), or another ``output`` or ``cuts``.

    Example:
        >>> import tlkit
        >>> tlkit.Head(units=(1024, 512))
        Head(units=(1024, 512), dropout=0.2, activation='relu', output='auto', cuts='last')
    """

    units: Sequence[int] = ()
    dropout: float = 0.2
    activation: str = "relu"
    output: Literal["auto", "sigmoid"] = "auto"
    cuts: Literal["last", "all", "auto"] = "last"

    def __post_init__(self) -> None:
        given = self.units
        if not isinstance(given, (list, tuple)) or not all(is_whole(unit, 1) for unit in given):
            raise TrainingError(
                f"{self!r}: units must be positive integers in a list, such as units=(256,)."
            )
        object.__setattr__(self, "units", tuple(map(int, given)))
        object.__setattr__(self, "dropout", plain(self.dropout))
        if not (is_number(self.dropout) and 0 <= self.dropout < 1):
            raise TrainingError(f"{self!r}: dropout must be at least 0 and below 1.")
        if self.output not in ("auto", "sigmoid"):
            raise TrainingError(f"{self!r}: output must be 'auto' or 'sigmoid'.")
        if self.cuts not in ("last", "all", "auto"):
            raise TrainingError(f"{self!r}: cuts must be 'last', 'all' or 'auto'.")

    def below(self, backbone: Model) -> Model:
        """Return the model whose output the head reads: a backbone, or one of several depths of it.

        Raises:
            CutError: ``cuts="all"`` of a backbone without feature maps at several depths.
        """
        from tlkit.backbones.all_cuts import with_all_cuts

        if self.cuts == "last":
            return backbone
        try:
            deep: Model = with_all_cuts(backbone)
        except CutError:
            if self.cuts == "all":
                raise
            return backbone
        return deep

    def task(self, labels: NDArray[np.int64], classes: int) -> Task:
        """Return what the head tells of images with such labels.

        Args:
            labels: (n,) class numbers, or (n, classes) 0 or 1.
            classes: Number of classes.

        Raises:
            TrainingError: A single sigmoid for more than two classes.
        """
        one = self.output == "sigmoid" and labels.ndim == 1
        if one and classes != 2:
            raise TrainingError(
                f"{self!r}: output='sigmoid' is one number for two classes, and these images are "
                f"of {classes}. Leave output out for a softmax; images that can have several "
                "labels are a tlkit.MultiLabelDataset."
            )
        return Task.of(labels, 1 if one else classes)

    def build(
        self,
        features: Any,
        classes: int,
        *,
        seed: int,
        taken: Collection[str] = (),
        task: Task = Task.MULTICLASS,
    ) -> Any:
        """Return the softmax or the sigmoids on a symbolic tensor of features.

        Args:
            features: ``(None, h, w, c)`` or ``(None, c)``.
            classes: Number of classes, at least 2.
            seed: Initial weights and dropout follow from it alone.
            taken: Names that layers below have, as those of another head; they are not used again.
            task: What is told of an image.

        Returns:
            Symbolic float32 probabilities ``(None, classes)``; ``(None, 1)`` of a single sigmoid.
        """
        from keras import initializers, layers

        def dense(x: Any, units: int, activation: str, name: str) -> Any:
            kernel = initializers.GlorotUniform(seed=_seed(seed, name))
            # float32 also under mixed precision: a softmax in float16 loses small probabilities.
            dtype = "float32" if name == "probabilities" else None
            return layers.Dense(
                units, activation, kernel_initializer=kernel, name=free(name), dtype=dtype
            )(x)

        def dropout(x: Any, name: str) -> Any:
            return layers.Dropout(self.dropout, seed=_seed(seed, name), name=free(name))(x)

        def free(name: str) -> str:
            names = chain([name], (f"{name}_of_head_{number}" for number in count(2)))
            return next(each for each in names if each not in taken)

        x = features
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(name=free("head_pool"))(x)
        for number, units in enumerate(self.units, 1):
            x = dense(x, units, self.activation, f"head_dense_{number}")
            x = dropout(x, f"head_dropout_{number}")
        if not self.units:
            x = dropout(x, "head_dropout")
        return dense(x, task.outputs(classes), task.activation, "probabilities")


def _seed(seed: int, name: str) -> int:
    return stream_seed(seed, f"head {name}") % 2**31
