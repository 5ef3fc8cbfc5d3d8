"""Where the bytes of an image are: in a file, in memory, or wherever something else reads them."""

from __future__ import annotations

import stat
from os import PathLike
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from tlkit.data.decoding.depth import Unusable

MAX_BYTES = 512 * 2**20
"""Files of more bytes are not read: what ``MAX_PIXELS`` take at most, uncompressed."""


@runtime_checkable
class Content(Protocol):
    """The bytes of an image that are in no file of this machine; ``str`` of it is a name."""

    def read_content(self) -> bytes:
        """Return them.

        Raises:
            Unusable: They cannot be read; the text says why, in words that follow the name.
        """
        ...

    def content_key(self) -> bytes | None:
        """Return what changes with them, without reading them; None where nothing tells."""
        ...

    def for_another_process(self) -> Content | bytes:
        """Return what gives the same bytes in another process."""
        ...


ImageSource: TypeAlias = "str | PathLike[str] | Content | bytes"


def read_content(source: ImageSource) -> bytes:
    """Read the bytes of an image, unless their number shows that they can be none.

    Raises:
        Unusable: They cannot be read, are no ordinary file, or too many; the text says why.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, Content):
        return source.read_content()
    try:
        found = Path(source).stat()
        if not stat.S_ISREG(found.st_mode):  # reading from a pipe would wait for ever
            raise Unusable("cannot be read: it is no ordinary file")
        require_size(found.st_size)
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Unusable(f"cannot be read: {why}") from error
    except MemoryError as error:
        raise Unusable("needs more memory to be read than there is") from error


def require_size(size: int) -> None:
    """Raise where a file has more bytes than are read.

    Raises:
        Unusable: It has; the text says how many.
    """
    if size > MAX_BYTES:
        raise Unusable(f"has {size:,} bytes, more than the {MAX_BYTES:,} that an image may have")
