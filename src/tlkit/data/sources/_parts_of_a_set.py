"""Folders such as ``train`` and ``test``: the parts of a data set, and not its classes."""

from __future__ import annotations

from collections.abc import Sequence

from tlkit.data._text import printable
from tlkit.data.class_names import shown_names
from tlkit.data.sources._places import Place
from tlkit.data.sources._walks import NOT_FOR_PEOPLE, sorted_out, visible
from tlkit.errors import DataError

_PARTS = frozenset(
    {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout"}
)


def refuse_parts(top: Place, folders: Sequence[Place], class_names: Sequence[str]) -> None:
    """Raise where the folders of a root are the parts of a data set, each with class folders.

    Args:
        top: The root.
        folders: Its folders.
        class_names: Names that were given as those of classes.

    Raises:
        DataError: They are; the message says how to read each part.
    """
    parts = [
        path for path in folders if path.name.lower() in _PARTS and path.name not in class_names
    ]
    if len(parts) < min(2, len(folders)):  # a class may well be called so, beside others
        return
    classes = [name for part in parts for name in _classes(part)]
    if not classes:
        return
    parts.sort(key=lambda path: not path.name.lower().startswith("train"))
    first, *others = (printable(path.name) for path in parts)
    known = "train" if first.lower().startswith("train") else "first"
    then = f", then ImageDataset.from_directory(root / {others[0]!r}, " if others else ""
    more = " and so on with each" if len(others) > 1 else ""
    names = f"class_names={known}.class_names){more}" if others else ""
    raise DataError(
        f"{top} holds parts of a data set, not its classes: {shown_names([first, *others])} with "
        f"class folders inside ({shown_names(list(dict.fromkeys(classes)))}). Expected one folder "
        f"for each class. Read each part by itself: {known} = ImageDataset.from_directory(root / "
        f"{first!r}){then}{names}. If classes are called so, name them all with class_names=[...]."
    )


def _classes(part: Place) -> list[str]:
    """Return the folders in a part that hold an image."""
    inside = [path for path in visible(part) if path.is_dir() and path.name not in NOT_FOR_PEOPLE]
    return [printable(path.name) for path in inside if sorted_out(path, part)[0]]
