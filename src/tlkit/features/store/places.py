"""Where the feature store is, and how large it may get."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path

from platformdirs import user_cache_path

from tlkit._urls import is_url
from tlkit.errors import CacheError

LIMIT_GB = 50.0
_SLASH_LOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def default_root() -> Path:
    r"""Return where features are kept: ``$TLKIT_CACHE_DIR``, else the system's place for caches.

    That is ``~/.cache/tlkit`` on Linux (``$XDG_CACHE_HOME/tlkit`` where that is set),
    ``~/Library/Caches/tlkit`` on macOS and ``%LOCALAPPDATA%\tlkit\Cache`` on Windows; it is taken
    also where the variable holds an address.
    """
    named = os.environ.get("TLKIT_CACHE_DIR")
    here = named and not is_url(named)
    return Path(str(named)) if here else user_cache_path("tlkit", appauthor=False)


def places_of(cache: bool | str | Path) -> tuple[Path | None, str | None]:
    """Return where a ``cache=`` keeps features: a folder, None for a passing one; an address.

    An address has a folder beside it, the default one, in which what is needed of it is read.

    Raises:
        CacheError: An address that has become a `pathlib.Path`, which takes one of its slashes; or
            neither a place nor a truth value.
    """
    if not isinstance(cache, (bool, str, PathLike)) or cache == "":
        raise CacheError(
            f"cache={cache!r}; expected True for the usual folder, False to keep features only "
            "while a training lasts, a folder, or an address such as 's3://bucket/features'."
        )
    if isinstance(cache, Path) and _SLASH_LOST.match(cache.as_posix()):
        raise CacheError(
            f"cache={cache!r} was an address before it became a Path, which has lost one of its "
            "slashes; expected text, such as 's3://bucket/features'."
        )
    asked = os.environ.get("TLKIT_CACHE_DIR") or True if cache is True else cache
    if isinstance(asked, str) and is_url(asked):
        return default_root(), asked
    if cache is False:
        return None, None
    return default_root() if cache is True else Path(cache), None


def default_limit() -> int:
    """Return how many bytes a store may take: ``$TLKIT_CACHE_LIMIT_GB``, else 50 GB.

    Raises:
        CacheError: The variable holds no number above 0.
    """
    text = os.environ.get("TLKIT_CACHE_LIMIT_GB") or str(LIMIT_GB)
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise CacheError(
            f"TLKIT_CACHE_LIMIT_GB={text!r}, expected how many gigabytes the feature store may "
            "take, such as 50."
        )
    return int(min(limit, 1e9) * 1e9)


def seconds_of(unused_days: float) -> float:
    """Return how long something must have been unused to be removed.

    Raises:
        CacheError: It is no number of days: below zero, or none, everything would be as old.
    """
    if not unused_days >= 0:
        raise CacheError(
            f"unused_days={unused_days!r}; expected a number of days, 0 or more, such as 30. "
            "Leave it out to remove all."
        )
    return unused_days * 86400
