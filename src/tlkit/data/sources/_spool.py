"""Pictures of any sizes in one temporary file, so that memory holds none of them."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, overload

import numpy as np

from tlkit.data.decoding.decode import Pixels
from tlkit.errors import DataError


class Spool(Sequence[Pixels]):
    """Pictures, in the order in which they came; the file goes when this object does.

    Args:
        pictures: Arrays (h, w, 3), uint8; taken one by one.

    Raises:
        DataError: There is no room for them.
    """

    def __init__(self, pictures: Iterable[Pixels]) -> None:
        self._ends, self._sizes = [0], list[tuple[int, int]]()
        with tempfile.TemporaryFile(prefix="tlkit-") as file:
            for picture in pictures:
                try:
                    file.write(np.ascontiguousarray(picture).data)
                except OSError as error:
                    raise self._no_room(error) from error
                self._sizes.append(picture.shape[:2])
                self._ends.append(self._ends[-1] + picture.nbytes)
            self._flush(file)
            # Which keeps the file; an empty one cannot be mapped.
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self else b""

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, place: int) -> Pixels: ...

    @overload
    def __getitem__(self, place: slice) -> list[Pixels]: ...

    def __getitem__(self, place: int | slice) -> Pixels | list[Pixels]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        height, width = self._sizes[place]
        content = self._bytes[self._ends[place] : self._ends[place + 1]]
        return np.frombuffer(content, np.uint8).reshape(height, width, 3)

    def _flush(self, file: IO[bytes]) -> None:
        try:
            file.flush()
        except OSError as error:
            raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> DataError:
        return DataError(
            f"{len(self):,} pictures ({self._ends[-1] / 2**20:,.0f} MB) are in a temporary file in "
            f"{tempfile.gettempdir()}, which takes no more: {error.strerror}. Free some space, let "
            "TMPDIR name a folder of a larger disk, or save the pictures as files and give those."
        )
