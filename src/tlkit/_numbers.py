"""Numbers of Python and of NumPy."""

from __future__ import annotations

from numbers import Integral, Number, Real
from typing import Any, TypeGuard


def is_whole(value: object, least: int | None = None) -> TypeGuard[int]:
    """Return whether something is a whole number, and at least as large as another.

    NumPy's whole numbers are as good as Python's; truth values are none.

    Example:
        >>> is_whole(3, 1), is_whole(0, 1), is_whole(True, 1), is_whole(3.0, 1)
        (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least is None or int(value) >= least


def is_number(value: object) -> TypeGuard[float]:
    """Return whether something is a real number, of Python or of NumPy; truth values are none.

    Example:
        >>> is_number(0.5), is_number(2), is_number("0.5"), is_number(True)
        (True, True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """Return Python's number for a number of NumPy, and anything else as it is.

    Example:
        >>> import numpy as np
        >>> plain(np.int64(3)), plain("head")
        (3, 'head')
    """
    return value.item() if isinstance(value, Number) and hasattr(value, "item") else value
