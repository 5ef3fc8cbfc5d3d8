"""Batches of images and labels, as Keras and TensorFlow pass them -> kept pixels and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import counted
from tlkit._progress import Reporter
from tlkit.data.decoding.decode import Pixels
from tlkit.data.sources._arrays import shape_hint
from tlkit.data.sources._batch_labels import LabelColumn
from tlkit.data.sources._spool import Spool
from tlkit.data.sources.stores import ArrayStore
from tlkit.errors import DataError

# After so many pictures of which none is lighter than 1, all are taken to be scaled: that is told
# then, not at the end of a long pass.
_TELLING = 64


def read_batches(
    batches: Any, class_names: Sequence[str] | None, reporter: Reporter
) -> tuple[ArrayStore, NDArray[np.int64], tuple[str, ...]]:
    """Take all images and labels, in one pass.

    Args:
        batches: Gives pairs (image, label) or (images, labels).
        class_names: The classes in order, of which labels are positions; None for what
            ``batches`` says itself, or else the sorted distinct labels.
        reporter: Is shown how many batches are done, where it is known how many there are.

    Returns:
        The images, in a file that goes with them; class numbers (n,) int64; and class names.

    Raises:
        DataError: They have no end, are no such pairs, or hold other images or labels.
    """
    names = getattr(batches, "class_names", None) if class_names is None else class_names
    labels, scale = LabelColumn(), _Scale()
    total, elements = _elements(batches)

    def pictures() -> Iterator[Pixels]:
        for place, element in enumerate(elements):
            where = f"Element {place} (counted from 0)"
            images, given = _pair(element, where)
            pixels, batched = _arrays(images, where)
            labels.add(given, len(pixels), where, batched=batched)
            for image in pixels:
                yield scale.checked(image, where)
            if total:
                reporter.step("batches", place + 1, total)

    store = ArrayStore(Spool(pictures()))
    if not len(store):
        raise DataError("Received no image; expected at least one (image, label).")
    scale.require_whole_range()
    return store, *labels.numbered(names)


def _elements(batches: Any) -> tuple[int, Iterator[Any]]:
    """Return how many elements there are, 0 where nobody knows, and them."""
    if isinstance(batches, (str, bytes, Mapping, np.ndarray)) or _are_arrays(batches):
        raise _no_batches(batches)
    if hasattr(batches, "num_batches"):  # of a keras.utils.PyDataset, whose iter() has no end
        if batches.num_batches is None:
            raise _endless(batches)
        count = int(batches.num_batches)
        return count, (batches[index] for index in range(count))
    count = _length(batches)
    if count < 0:
        raise _endless(batches)
    try:
        return count, iter(batches)
    except TypeError:
        raise _no_batches(batches) from None


def _are_arrays(batches: Any) -> bool:
    """Return whether it is (images, labels): all of them, and no batches."""
    given = batches if isinstance(batches, tuple) else ()
    return len(given) == 2 and all(hasattr(part, "shape") for part in given)


def _length(batches: Any) -> int:
    """Return how many elements there are; 0 where nobody knows, -1 where there is no end."""
    if hasattr(batches, "cardinality"):  # of a tf.data.Dataset: -1 is infinite, -2 unknown
        told = int(batches.cardinality())
        return 0 if told == -2 else told
    try:
        return len(batches)
    except TypeError:
        return 0


def _pair(element: Any, where: str) -> tuple[Any, Any]:
    if isinstance(element, Mapping):
        keys = ", ".join(map(repr, element))
        raise DataError(
            f"{where} is a dictionary with {keys}; expected a pair (image, label). Make pairs "
            "first: batches.map(lambda row: (row['image'], row['label'])), or as_supervised=True "
            "for tfds.load."
        )
    if isinstance(element, (tuple, list)) and len(element) == 2:
        return element[0], element[1]
    many = counted(len(element), "part") if isinstance(element, (tuple, list)) else "no label"
    more = " Sample weights are not used; Stage(class_weight=...) weighs classes." * ("3" in many)
    raise DataError(
        f"{where} has {many}; expected a pair (image, label) or (images, labels).{more} Images "
        "without labels are read with tlkit.ImageDataset.from_files."
    )


def _arrays(images: Any, where: str) -> tuple[Sequence[NDArray[Any]], bool]:
    """Return the images of an element one by one, and whether it is a batch."""
    if hasattr(images, "to_tensor") and hasattr(images, "row_splits"):  # ragged: of many sizes
        every = [image.to_tensor() if hasattr(image, "to_tensor") else image for image in images]
        return [_one(np.asarray(image), where) for image in every], True
    if isinstance(images, (Mapping, tuple)):
        raise DataError(
            f"{where} has a {type(images).__name__} of {len(images)} as image; expected one array, "
            "as tlkit's models take one image. Take out the one to learn from: batches.map(...)."
        )
    try:
        array = np.asarray(images)
    except ValueError as error:  # arrays of several shapes in one list
        raise DataError(
            f"{where} holds images of several shapes in one batch; expected one shape, or images "
            "one by one. Leave batching out: tlkit makes batches itself."
        ) from error
    if array.ndim == 3:
        return [_one(array, where)], False
    if array.ndim == 4:
        return [_one(image, where, array.shape) for image in array], True
    raise _wrong_shape(array.shape, where)


def _one(image: NDArray[Any], where: str, shape: tuple[int, ...] = ()) -> NDArray[Any]:
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise _wrong_shape(shape or image.shape, where)
    return image


def _wrong_shape(shape: tuple[int, ...], where: str) -> DataError:
    hint = shape_hint(shape if len(shape) == 4 else (1, *shape))
    return DataError(
        f"{where} has an image of shape {shape}; expected (h, w, 3), or (n, h, w, 3) for a batch. "
        f"{hint}"
    )


class _Scale:
    """What range the pixels are in, as far as they were seen."""

    def __init__(self) -> None:
        self._seen, self._highest = 0, 0.0

    def checked(self, image: NDArray[Any], where: str) -> Pixels:
        """Return an image as uint8.

        Raises:
            DataError: Its pixels are no numbers from 0 to 255.
        """
        if image.dtype == np.uint8:
            self._seen, self._highest = self._seen + 1, 255.0
            pixels: Pixels = image
            return pixels
        if image.dtype.kind not in "iuf":
            raise DataError(f"{where} has pixels of type {image.dtype}; {_EXPECTED}.")
        low, high = float(image.min()), float(image.max())
        if not (low >= 0 and high <= 255):  # NaN is neither
            raise DataError(
                f"{where} has pixels of type {image.dtype} from {low:g} to {high:g}; {_EXPECTED}. "
                "Leave preprocessing out: it is a part of the model."
            )
        self._seen += 1
        self._highest = max(self._highest, high if image.dtype.kind == "f" else 255.0)
        if self._seen == _TELLING:
            self.require_whole_range()
        kept: Pixels = np.rint(image).astype(np.uint8)
        return kept

    def require_whole_range(self) -> None:
        """Raise where all pixels are floats from 0 to 1, and not all of them are black.

        Raises:
            DataError: They are.
        """
        if 0 < self._highest <= 1:
            raise DataError(
                f"All pixels of {self._seen} images are floats from 0 to {self._highest:g}: they "
                f"look scaled; {_EXPECTED}. Take the scaling out, or undo it: "
                "batches.map(lambda x, y: (x * 255, y))."
            )


_EXPECTED = "expected raw pixels, uint8 or numbers from 0 to 255, not preprocessed"


def _endless(batches: Any) -> DataError:
    return DataError(
        f"Received a {type(batches).__name__} that has no end; expected each image once. Leave "
        ".repeat() out, or take what makes one pass: batches.take(n)."
    )


def _no_batches(given: Any) -> DataError:
    return DataError(
        f"Received a {type(given).__name__}; expected a tf.data.Dataset, a keras.utils.PyDataset "
        "or another iterable of pairs (image, label) or (images, labels). Folders are read with "
        "tlkit.ImageDataset.from_directory, tables with from_dataframe, arrays with from_arrays, "
        "data sets of Hugging Face with from_huggingface."
    )
