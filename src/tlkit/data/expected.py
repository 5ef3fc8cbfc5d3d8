"""What was given in the place of a data set, and how it becomes one."""

from __future__ import annotations

from os import PathLike

from tlkit.data.unlabelled import UnlabelledImages
from tlkit.errors import DataError, TlkitError


def require_dataset(given: object, name: str, error: type[TlkitError] = DataError) -> None:
    """Raise where something else was given than labelled images that tlkit can load.

    Args:
        given: What ought to be a `tlkit.ImageDataset`, or to have its ``labels``, ``class_names``
            and ``load``.
        name: Of the argument.
        error: Which error to raise.

    Raises:
        DataError: It is something else; the message says what, and how it becomes a data set.

    Example:
        >>> require_dataset("pictures", "train")
        Traceback (most recent call last):
            ...
        tlkit.errors.DataError: train='pictures' is a path, expected an ImageDataset. \
Read a folder that has a folder for each class with tlkit.ImageDataset.from_directory('pictures').
    """
    if all(hasattr(given, part) for part in ("labels", "class_names", "load")):
        return
    what, way_out = _described(given)
    shown = f"{name}={given!r}" if isinstance(given, str) else name
    raise error(f"{shown} is {what}, expected an ImageDataset. {way_out}")


def _described(given: object) -> tuple[str, str]:
    """Return what something is, and how it becomes a data set."""
    if isinstance(given, UnlabelledImages):
        return "a set of images without labels", (
            "Labels are needed here: give them in a table with tlkit.ImageDataset.from_dataframe("
            "table, image=..., label=..., root=...), or sort the files into a folder for each "
            "class for tlkit.ImageDataset.from_directory(root)."
        )
    kind = type(given)
    known = f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
    if isinstance(given, (str, PathLike)):
        return "a path", (
            "Read a folder that has a folder for each class with "
            f"tlkit.ImageDataset.from_directory({str(given)!r})."
        )
    if hasattr(given, "features") and hasattr(given, "cast_column"):
        return f"a data set of Hugging Face ({known})", (
            "Take it with tlkit.ImageDataset.from_huggingface(dataset, image=..., label=...)."
        )
    if hasattr(given, "columns") or isinstance(given, dict):
        return f"a table ({known})", (
            "Name its columns: tlkit.ImageDataset.from_dataframe(table, image=..., label=..., "
            "root=...)."
        )
    if isinstance(given, (list, tuple)) or hasattr(given, "__array__"):
        return f"a {known}", (
            "Images and labels in memory become one with tlkit.ImageDataset.from_arrays(images, "
            "labels): uint8 (n, h, w, 3), not preprocessed, and n labels."
        )
    if hasattr(given, "predict_on_batch") or hasattr(given, "stages"):
        return f"a model or a trainer ({known})", "Look whether two arguments are swapped."
    if hasattr(given, "__iter__") or hasattr(given, "__getitem__"):
        return f"a stream of batches ({known})", (
            "tlkit computes what is frozen once for each image, so it must know the images one by "
            "one. Take them once with tlkit.ImageDataset.from_batches(...); where they lie in "
            "files, .from_directory and .from_dataframe take less room."
        )
    return f"{given!r}" if given is None else f"a {known}", (
        "Make one with tlkit.ImageDataset.from_directory, .from_dataframe or .from_arrays."
    )
