"""Names of the world's files: as text that can be printed and stored, and compared by eye."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Control characters, and bytes of a file's name that are no UTF-8.
_NOT_TEXT = ("Cc", "Cs")
# Letters that join or order others, and take no place themselves.
_UNSEEN = "Cf"


def printable(name: str) -> str:
    r"""Return a name with what is no text escaped: it can be printed, stored and sent anywhere.

    Example:
        >>> printable("caf\udce9")
        'caf\\udce9'
    """
    if not any(unicodedata.category(letter) in _NOT_TEXT for letter in name):
        return name
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in _NOT_TEXT
        else letter
        for letter in name
    )


def as_seen(name: str) -> str:
    """Return what two names share that are equal to the eye.

    Composed and decomposed letters, kinds of blanks, blanks at the ends, and letters without a
    place of their own do not count.

    Example:
        >>> as_seen("cat ") == as_seen("cat"), as_seen("cat") == as_seen("Cat")
        (True, False)
    """
    seen = "".join(x for x in name if unicodedata.category(x) != _UNSEEN)
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the names that are equal to the eye and yet differ, together.

    Example:
        >>> alike(["cat", "dog", "cat "])
        [('cat', 'cat ')]
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(as_seen(name), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]
