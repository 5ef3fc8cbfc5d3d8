"""Addresses such as ``s3://bucket/cat.jpg``: known as such, and printed without what is secret."""

from __future__ import annotations

import re
from os import PathLike

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|.*::")
_USER = re.compile(r"(?<=://)[^/\s'\"]*@")
_QUERY = re.compile(r"(https?://[^\s?'\"]*)\?[^\s'\"]*")


def is_url(path: str | PathLike[str]) -> bool:
    """Return whether a path is an address that fsspec opens, and no file of this machine.

    Example:
        >>> is_url("s3://bucket/cat.jpg"), is_url("zip://cat.jpg::cats.zip"), is_url("cats/cat.jpg")
        (True, True, False)
    """
    return isinstance(path, str) and _URL.match(path) is not None


def without_secrets(text: str) -> str:
    """Return a text without the users and passwords and the queries (signatures) of its addresses.

    Example:
        >>> without_secrets("ftp://me:secret@host/a.jpg, https://host/a.jpg?signature=123")
        'ftp://***@host/a.jpg, https://host/a.jpg?...'
    """
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1?...", _USER.sub("***@", text))
