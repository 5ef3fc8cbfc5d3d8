"""What was found in image files, in one file beside the features: so that none is read for nothing.

::

    16 bytes   "tlkit scans 1   "
    for each   16 bytes by which a file is known, 32 bytes SHA-256 of its content, 1 byte: whole?
    32 bytes   SHA-256 of everything before
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from tlkit._disk.atomic import whole_file
from tlkit.data.scans import Scan

MAGIC = b"tlkit scans 1   "
KEY_BYTES = 16
# 49 bytes each.
MOST = 1_000_000
_DIGEST_BYTES = 32
_EACH = KEY_BYTES + _DIGEST_BYTES + 1
_log = logging.getLogger("tlkit")


class RememberedScans:
    """Scans in a file, which is written whole.

    Processes that write at the same time leave what the last of them knew; what is lost is found
    again with one read.

    Args:
        file: Where they are.
        most: How many are kept; those that were found first go first.
    """

    def __init__(self, file: Path, most: int = MOST) -> None:
        self._file, self._most = file, most
        self._known = self._read()
        self._fresh: dict[bytes, Scan] = {}

    def get(self, key: bytes) -> Scan | None:
        """Return what is known of a file, or None."""
        return self._fresh.get(key) or self._known.get(key)

    def add(self, key: bytes, scan: Scan) -> None:
        """Keep what was found in a file; `save` writes it."""
        self._fresh[key] = scan

    def save(self) -> None:
        """Write what was added, beside what others have written meanwhile."""
        with suppress(OSError):  # a store may be for reading only; then files are read again
            if not self._fresh:
                os.utime(self._file)  # it was of use
                return
            others = {key: x for key, x in self._read().items() if key not in self._fresh}
            self._known = dict([*others.items(), *self._fresh.items()][-self._most :])
            self._fresh = {}
            self._write()

    def _read(self) -> dict[bytes, Scan]:
        try:
            content = self._file.read_bytes()
        except OSError:
            return {}
        body, checksum = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        sound = body.startswith(MAGIC) and (len(body) - len(MAGIC)) % _EACH == 0
        if not sound or hashlib.sha256(body).digest() != checksum:
            _log.warning("%s is damaged; images are read again", self._file)
            return {}
        return dict(_entry(body, start) for start in range(len(MAGIC), len(body), _EACH))

    def _write(self) -> None:
        entries = (key + x.digest + bytes([x.whole]) for key, x in self._known.items())
        body = MAGIC + b"".join(entries)
        with whole_file(self._file) as part:
            part.write_bytes(body + hashlib.sha256(body).digest())


def _entry(body: bytes, start: int) -> tuple[bytes, Scan]:
    digest = start + KEY_BYTES
    whole = digest + _DIGEST_BYTES
    return body[start:digest], Scan(body[digest:whole], bool(body[whole]))
