"""What is done to images in fine-tuning: as it was asked for, and as it was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlkit.data.augmentation.transforms import AugmentationLike

# Asks for what `tlkit.suggest_augmentation` finds.
Suggested = Literal["suggested"]
Asked = AugmentationLike | Suggested
SUGGESTED: Suggested = "suggested"


@dataclass(frozen=True)
class Changes:
    """What is done to images in fine-tuning.

    Args:
        augmentation: As for `tlkit.Stage`.
        why: For people; empty where the caller said so.
    """

    augmentation: AugmentationLike = None
    why: str = ""

    @classmethod
    def without_a_look(cls, asked: Asked, why: str) -> Changes:
        """Return what was asked for; nothing, with the reason, where that is what fits."""
        return cls(None, why) if isinstance(asked, str) else cls(asked)
