"""JSON documents that say what they are, and that are read only as they were written.

::

    {
     "format": "tlkit settings",
     "version": 1,
     "sha256": "...",            of everything else
     ...                         the content
    }
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit._disk.atomic import whole_file
from tlkit._disk.digests import digest_of

_CHECKSUM = "sha256"
_HEADER = ("format", "version", _CHECKSUM)


@dataclass(frozen=True)
class Record:
    """A kind of document.

    Args:
        format: What it is, for a person who opens it.
        version: Of its layout. Raise it where a reader of the old layout would misread the new one.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "settings.json"
        >>> Record("settings", 1).write(file, {"seed": 3})
        >>> Record("settings", 1).read(file)
        {'seed': 3}
        >>> Record("settings", 2).read(file)
        Traceback (most recent call last):
        ...
        ValueError: its version is 1, expected 2: another version of tlkit wrote it
    """

    format: str
    version: int

    def write(self, file: Path, content: Mapping[str, Any]) -> None:
        """Write a document, whole or not at all.

        Args:
            file: Where it appears, in a folder that exists.
            content: What ``json`` can write; ``format``, ``version`` and ``sha256`` are taken.

        Raises:
            OSError: It cannot be written.
            TypeError, ValueError: The content is no JSON, or has a name that is taken.
        """
        taken = [name for name in _HEADER if name in content]
        if taken:
            raise ValueError(f"the content has {taken}, which the header of a document is made of")
        # As it will be read: keys become texts, tuples lists.
        plain: dict[str, Any] = json.loads(json.dumps(dict(content)))
        header = {"format": self.format, "version": self.version, _CHECKSUM: self._digest(plain)}
        text = json.dumps({**header, **plain}, indent=1) + "\n"
        with whole_file(file) as part:
            part.write_text(text, "utf-8")

    def read(self, file: Path) -> dict[str, Any]:
        """Return the content of a document.

        Raises:
            OSError: It cannot be read.
            ValueError: It is not what was written, or something else; says which.
        """
        try:
            content = json.loads(file.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON ({error})") from error
        if not isinstance(content, dict):
            raise ValueError(f"it is a {type(content).__name__}, expected an object with a format")
        kind, version, checksum = (content.pop(name, None) for name in _HEADER)
        if kind != self.format:
            raise ValueError(f"its format is {kind!r}, expected {self.format!r}")
        if version != self.version:
            raise ValueError(
                f"its version is {version!r}, expected {self.version}: another version of tlkit "
                "wrote it"
            )
        if checksum != self._digest(content):
            raise ValueError("its checksum does not fit: it was damaged or changed by hand")
        return content

    def _digest(self, content: Mapping[str, Any]) -> str:
        """Hash what a reader gets, not how the text is set."""
        everything = [self.format, self.version, content]
        return digest_of([json.dumps(everything, sort_keys=True).encode()]).hex()
