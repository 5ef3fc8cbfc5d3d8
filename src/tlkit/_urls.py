"""Addresses such as ``s3://bucket/cat.jpg``: opened by fsspec, printed without what is secret.

How fsspec gets there (keys, accounts, caches) is its own affair: see `fsspec.config`.
"""

from __future__ import annotations

import re
from os import PathLike
from typing import Any

from tlkit.errors import TlkitError

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


def file_system(url: str, raises: type[TlkitError]) -> Any:
    """Return the fsspec file system of an address; what it remembers of folders is forgotten.

    Args:
        url: The address.
        raises: Class of the error.

    Raises:
        TlkitError: fsspec, or what it needs for this address, is not installed.
    """
    try:
        import fsspec
    except ImportError:
        raise raises(
            f"{without_secrets(url)} is an address, which needs fsspec: pip install "
            "'tlkit[fsspec]'. Or give a path of this machine."
        ) from None
    try:
        system, _ = fsspec.core.url_to_fs(url)
        system.invalidate_cache()  # a listing of before may be of other files
    except Exception as error:  # noqa: BLE001 - of any file system; it may tell a password
        raise raises(
            f"{without_secrets(url)} cannot be opened: {told(error)}. Expected an address that "
            "fsspec knows, with the package for its file system, such as s3fs for s3://."
        ) from None
    return system


def told(error: Exception) -> str:
    """Return what an error of a file system says, without what is secret in its addresses."""
    return without_secrets(f"{type(error).__name__}: {error}".rstrip(": ").rstrip("."))
