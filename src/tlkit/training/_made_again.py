"""A trainer made again, with some arguments given anew."""

from __future__ import annotations

from inspect import signature
from typing import Any

from tlkit.training.trainer import StagedTrainer


def made_again(trainer: StagedTrainer, **replaced: Any) -> StagedTrainer:
    """Return a trainer with some arguments given anew.

    Args:
        trainer: Whose others are taken.
        **replaced: As for `StagedTrainer`.
    """
    names = signature(StagedTrainer).parameters
    return StagedTrainer(**{**{name: getattr(trainer, name) for name in names}, **replaced})
