"""What a check of all images found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlkit._printing import Printed, counted
from tlkit.data.decoding.formats import NotInstalled
from tlkit.data.duplicates import Duplicate, told
from tlkit.data.ignored import kinds
from tlkit.errors import DamagedImageError, DataError

_SHOWN = 10


class DamagedImage(NamedTuple):
    """One image that cannot be read: its position in the dataset, its name, and why."""

    position: int
    name: str
    reason: str


@dataclass(frozen=True, repr=False)
class DamageReport(Printed):
    """The result of `ImageDataset.check`; true when every image is whole.

    It prints every damaged image, at which depth images of more than 8 bits are read, and pictures
    that are there more than once; and of the files that are ignored how many there are of each kind
    and the first ten. ``duplicates`` and ``ignored`` hold them all.

    Args:
        checked: Number of images that were decoded.
        damaged: Those that could not be, in order.
        ignored: Files in the dataset's folder that are not part of it.
        depth: How images of more than 8 bits for each value are read; empty where there are none.
        duplicates: Pictures that are there more than once, those of two classes first.

    Example:
        >>> report = DamageReport(2, (DamagedImage(1, "cat/b.jpg", "is empty (0 bytes)"),))
        >>> report.ok
        False
        >>> print(report)
        1 of 2 images is damaged:
          cat/b.jpg is empty (0 bytes)
    """

    checked: int
    damaged: tuple[DamagedImage, ...] = ()
    ignored: tuple[str, ...] = ()
    depth: str = ""
    duplicates: tuple[Duplicate, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every image is whole."""
        return not self.damaged

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        counts = {"ignored": self.ignored, "duplicated": self.duplicates}
        more = "".join(f", {len(found):,} {what}" for what, found in counts.items() if found)
        return f"DamageReport({self.checked:,} checked, {len(self.damaged):,} damaged{more})"

    def __str__(self) -> str:
        lines = [self._headline()]
        lines += [f"  {name} {reason}" for _, name, reason in self.damaged]
        lines += [self.depth] if self.depth else []
        return "\n".join([*lines, *told(self.duplicates), *_ignored(self.ignored)])

    def raise_if_any(self) -> None:
        """Raise when an image is damaged.

        Raises:
            DamagedImageError: At least one is; the message names the first ten and the count.

        Example:
            >>> DamageReport(2).raise_if_any()
        """
        if self.ok:
            return
        named = "; ".join(f"{name} {reason}" for _, name, reason in self.damaged[:_SHOWN])
        rest = len(self.damaged) - _SHOWN
        raise DamagedImageError(
            f"{self._headline()} {named}{f'; and {rest} more' if rest > 0 else ''}. "
            f"{'Install what is named, convert' if self._not_installed else 'Replace'} "
            "the files, or go on without them: dataset.without_damaged(report)."
        )

    def whole(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return which images are whole, of the dataset that was checked.

        Args:
            names: The names of that dataset's images.

        Returns:
            One truth value per image, (n,), bool.

        Raises:
            DataError: The report is of other images.

        Example:
            >>> DamageReport(2).whole(["a.jpg", "b.jpg"]).tolist()
            [True, True]
        """
        fits = self.checked == len(names) and all(
            position < len(names) and names[position] == name for position, name, _ in self.damaged
        )
        if not fits:
            raise DataError(
                f"The report is of {self.checked} other images; expected one of these "
                f"{len(names)}. Pass what check() of this very dataset returned."
            )
        whole = np.ones(len(names), bool)
        whole[[position for position, _, _ in self.damaged]] = False
        return whole

    def _headline(self) -> str:
        if self.ok:
            return f"{self.checked} images checked, none is damaged."
        verb = "is" if len(self.damaged) == 1 else "are"
        told = "cannot be read" if self._not_installed else f"{verb} damaged"
        return f"{len(self.damaged)} of {self.checked} images {told}:"

    @property
    def _not_installed(self) -> bool:
        """Whether some are whole, and what reads them is missing here."""
        return any(isinstance(reason, NotInstalled) for _, _, reason in self.damaged)


def _ignored(names: Sequence[str]) -> Iterator[str]:
    """Yield lines on files that are ignored: their kinds, most frequent first, and the first."""
    if not names:
        return
    yield f"{counted(len(names), 'file')} ignored, not part of the dataset ({kinds(names)}):"
    yield from (f"  {name}" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        yield f"  and {len(names) - _SHOWN:,} more: report.ignored lists them"
