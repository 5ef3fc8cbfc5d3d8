"""What a freeze policy is to those who ask one; `policies` holds tlkit's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

# policy(the backbone's layers, epoch within the stage from 0) -> those of them to train
Policy = Callable[[Sequence[Any], int], Sequence[Any]]
