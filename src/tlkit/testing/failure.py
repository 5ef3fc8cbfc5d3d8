"""What a failed check raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlkit.errors import PluginError

# Keras puts whole model configurations into its messages; what went wrong stands at the ends.
_LONGEST = 800

if TYPE_CHECKING:
    from tlkit.testing.report import CheckReport


class BackboneCheckError(PluginError, AssertionError):
    """A backbone fails a check, or several.

    Args:
        message: What was received, what was expected and what to do next.
        report: The results of all checks, where `check_backbone` ran them all.
    """

    def __init__(self, message: str, report: CheckReport | None = None) -> None:
        super().__init__(message)
        self.report = report


def expect(holds: bool, message: str) -> None:
    """Fail a check with a message unless something holds."""
    if not holds:
        raise BackboneCheckError(message)


def in_short(error: BaseException) -> str:
    """Return the kind and text of an error of somebody else's, the middle left out if it is long.

    Example:
        >>> from tlkit.testing.failure import in_short
        >>> in_short(ValueError("no such size"))
        'ValueError: no such size'
    """
    text = f"{type(error).__name__}: {error}"
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} [...] {text[-half:]}"
