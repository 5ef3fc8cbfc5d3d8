"""What a subcommand answers, and how it speaks meanwhile."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tlkit._progress import let_go_of


@dataclass(frozen=True)
class Answer:
    """What a subcommand gives back.

    Args:
        text: For people, lines.
        data: The same for programs, as plain data; figures that are not defined may be NaN.
        status: The exit status.
    """

    text: str
    data: Mapping[str, Any]
    status: int = 0

    def to_json(self) -> str:
        """Return the data as one JSON document; what is not defined is null."""
        return json.dumps(_defined(self.data), indent=2, allow_nan=False)


def say(text: str) -> None:
    """Write a line on standard error, where everything goes that is not the answer.

    Where that is closed, as after ``2>&1 | head``, the work goes on all the same.
    """
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        let_go_of(sys.stderr)


def _defined(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _defined(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_defined(item) for item in value]
    return value
