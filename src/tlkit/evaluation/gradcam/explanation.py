"""Grad-CAM: where in a picture a model sees a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from tlkit._keras.types import ModelOrResult
from tlkit._printing import Printed, one_line
from tlkit.data.fits import require_same_reading
from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.gradcam._asked import numbering, pixels_of, wanted_columns
from tlkit.evaluation.gradcam._gradients import Gradients
from tlkit.evaluation.gradcam.feature_map import Cut, cut_at_features
from tlkit.evaluation.predict import LabelledImages, model_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pixels = NDArray[np.uint8]
Heat = NDArray[np.float32]

# Matplotlib's "inferno" at even steps: its lightness rises with the heat, for every eye, in print.
_COLOURS = np.array(
    [(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)]
)


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Printed):
    """Where a model sees a class in each image.

    Args:
        images: The images, uint8 of shape (n, height, width, 3).
        heatmaps: How much each place speaks for the class, float32 of shape (n, height, width),
            0..1; the hottest place of an image is 1, unless nothing in it speaks for the class:
            then all is 0.
        classes: Class number that each heatmap is about, int64 of shape (n,): the model's column,
            or, where a dataset was explained, as `tlkit.evaluate` numbers its classes.
        scores: Score of that class before the softmax, float32 of shape (n,).
        layer: Name of the layer whose feature map was asked.
        class_names: What the class numbers mean; None if unknown.
    """

    images: Pixels
    heatmaps: Heat
    classes: NDArray[np.int64]
    scores: Heat
    layer: str
    class_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return one_line(f"Explanation({len(self)} images, layer {self.layer!r})")

    def __str__(self) -> str:
        rows = (
            f"  image {number}: {self._class_of(number)}, score {score:.4g}"
            for number, score in enumerate(self.scores)
        )
        return "\n".join([f"{len(self)} images, as layer {self.layer!r} sees them", *rows])

    def _class_of(self, index: int) -> str:
        number = int(self.classes[index])
        return f"class {number if self.class_names is None else self.class_names[number]}"

    def overlay(self, strength: float = 0.6) -> Pixels:
        """Return the images in grey with the heat over them in colour: dark is cold, bright is hot.

        Args:
            strength: Share of the colour in 0..1; the rest is the image.

        Returns:
            uint8 of shape (n, height, width, 3).

        Raises:
            EvaluationError: If the strength is outside of 0..1.
        """
        if not 0 <= strength <= 1:
            raise EvaluationError(f"strength={strength!r}: expected a share in 0..1, such as 0.6.")
        grey = self.images.mean(axis=-1, keepdims=True)
        steps = np.linspace(0, 1, len(_COLOURS))
        heat = self.heatmaps[..., None]
        colours = np.concatenate([np.interp(heat, steps, c) for c in _COLOURS.T], axis=-1)
        # The same mixture everywhere: brightness then follows the heat on light and dark images.
        mixed = np.rint((1 - strength) * grey + strength * colours)
        return np.asarray(mixed, np.uint8)

    def plot(self, index: int = 0, ax: Axes | None = None) -> Axes:
        """Draw one image with its heat.

        Args:
            index: Which image.
            ax: Where to draw; None makes a figure of its own.

        Returns:
            The Axes.

        Raises:
            EvaluationError: If there is no such image, or matplotlib is not installed.
        """
        from tlkit.evaluation.plots.canvas import axes_or_new

        if not -len(self) <= index < len(self):
            raise EvaluationError(f"index={index!r}: there are {len(self)} images, from 0.")
        axes = axes_or_new(ax, (4, 4))
        axes.imshow(self.overlay()[index])
        axes.set_axis_off()
        axes.set_title(f"{self._class_of(index)}, {self.layer}", fontsize=10)
        return axes


def explain(
    model_or_result: ModelOrResult,
    images: ArrayLike | LabelledImages | UnlabelledImages,
    classes: ArrayLike | None = None,
    *,
    layer: str | None = None,
    batch_size: int = 16,
) -> Explanation:
    """Show which places of an image speak for a class, by Grad-CAM.

    With ``A`` the feature map, of h x w places and k channels, and ``y`` the score of the class,
    ``heat = relu(sum over k of a_k * A_k)`` with ``a_k = mean over places of dy / dA_k``, enlarged
    to the image (bilinear) and divided by its largest value. Source: R. R. Selvaraju et al.,
    "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017,
    equations 1 and 2.

    ``y`` is the class's score before the softmax: of a last layer with that activation, what it
    gives without it; of a Softmax or Activation layer, what goes into it. A single sigmoid is
    asked for class 1 by that, and for class 0 by its negative. A model that ends otherwise is
    asked for its output as it is.

    Works on every Keras backend, on Functional and Sequential models, and on those that hold
    others as layers; the model is left as it was.

    Args:
        model_or_result: A ``keras.Model`` from images to classes, or anything with such a
            ``model``, as a training result.
        images: RGB images as the model takes them, shape (n, height, width, 3), 0..255, or 0..1 or
            -1..1 where the model has no preprocessing inside; or a
            `tlkit.ImageDataset` or `tlkit.UnlabelledImages`, of which ``dataset.subset([3, 7])`` is
            a part.
        classes: Class number for each image, or one for all; None takes what the model predicts.
            With a dataset they are the dataset's numbers, as in `tlkit.evaluate`, so that its
            ``labels`` and an evaluation's ``predictions`` fit; else the model's columns.
        layer: Whose feature map; None takes the last one with more than one place that has weights
            before it and is no mere padding. Tokens in a row, (n, h * w, k), are one too.
        batch_size: Images at a time, at least 1.

    Returns:
        The heatmaps, and pictures of them by ``overlay()`` and ``plot()``.

    Raises:
        EvaluationError: If there is no model, no feature map or no such layer, or images and
            classes do not fit, also by name.

    Example:
        >>> import keras, numpy as np, tlkit, tlkit.testing
        >>> trunk = tlkit.testing.tiny_model()
        >>> x = keras.layers.GlobalAveragePooling2D()(trunk.output)
        >>> model = keras.Model(trunk.input, keras.layers.Dense(3, "softmax")(x))
        >>> tlkit.explain(model, np.zeros((2, 16, 16, 3), "uint8"), classes=1).heatmaps.shape
        (2, 16, 16)
    """
    model = model_of(model_or_result)
    names, columns = numbering(model_or_result, images, numbered=classes is not None)
    require_same_reading(model_or_result, images, EvaluationError)
    pixels = pixels_of(model, images)
    if batch_size < 1:
        raise EvaluationError(f"batch_size={batch_size!r}: expected 1 or more.")
    cut = cut_at_features(model, pixels[:1], layer)
    wanted = wanted_columns(classes, len(pixels), columns)
    gradients = Gradients(cut, min(batch_size, len(pixels)))
    kept: tuple[list[Any], ...] = ([], [], [])
    for start in range(0, len(pixels), batch_size):
        part = slice(start, start + batch_size)
        found = _explained(cut, gradients, pixels[part], None if wanted is None else wanted[part])
        for rows, new in zip(kept, found, strict=True):
            rows.append(new)
    maps, chosen, scores = map(np.concatenate, kept)
    return Explanation(
        _as_shown(pixels),
        _enlarged(maps, pixels.shape[1:3]),
        chosen if columns is None else np.argsort(columns)[chosen],
        scores,
        cut.layer,
        names,
    )


def _as_shown(pixels: NDArray[np.number]) -> Pixels:
    """Return pixels to look at, 0..255, also of images that are 0..1 or -1..1."""
    low, high = float(pixels.min()), float(pixels.max())
    if np.issubdtype(pixels.dtype, np.floating) and low >= -1 and high <= 1:
        pixels = pixels * 255 if low >= 0 else (pixels + 1) * 127.5
    return np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)


def _explained(
    cut: Cut, gradients: Gradients, images: NDArray[np.number], wanted: NDArray[np.int64] | None
) -> tuple[Heat, NDArray[np.int64], Heat]:
    """Return small heatmaps of one batch, their classes, and those classes' scores."""
    features, beside = cut.features(images)
    scores = cut.scores(features, beside)
    chosen = scores.argmax(axis=1) if wanted is None else wanted
    if chosen.max() >= scores.shape[1]:
        raise EvaluationError(
            f"classes holds {chosen.max()}, and the model knows {scores.shape[1]} classes, 0 .. "
            f"{scores.shape[1] - 1}."
        )
    slopes = gradients.of(features, beside, np.eye(scores.shape[1], dtype=np.float32)[chosen])
    weights = slopes.mean(axis=(1, 2))
    heat = np.maximum(np.einsum("nhwk,nk->nhw", features, weights), 0).astype(np.float32)
    return heat, chosen.astype(np.int64), scores[np.arange(len(chosen)), chosen]


def _enlarged(maps: Heat, size: tuple[int, ...]) -> Heat:
    height, width = size
    grown = [
        np.asarray(Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR))
        for heat in maps
    ]
    heat = np.stack(grown)
    top = heat.max(axis=(1, 2), keepdims=True)
    share = np.divide(heat, top, out=np.zeros_like(heat), where=top > 0)
    return np.asarray(share.clip(0, 1), np.float32)
