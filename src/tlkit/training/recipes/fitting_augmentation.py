"""The augmentation of a recipe: given, found for the images, as it was found, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tlkit._progress import Reporter
from tlkit.data.augmentation.transforms import AugmentationLike
from tlkit.data.dataset import ImageDataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import SplitError
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.probing.augmenting import changes_that_fit
from tlkit.training import _checks
from tlkit.training.run_dir.encoding import decoded, only_text

# Asks for what `tlkit.suggest_augmentation` finds.
Suggested = Literal["suggested"]
Asked = AugmentationLike | Suggested
SUGGESTED: Suggested = "suggested"
# So many images tell which changes fit; it takes a fraction of what fine-tuning takes.
_IMAGES = 500


@dataclass(frozen=True)
class Changes:
    """What is done to images in fine-tuning.

    Args:
        augmentation: As for `tlkit.Stage`.
        why: For people.
    """

    augmentation: AugmentationLike = None
    why: str = "what leaves a class what it is, depends on the images: tlkit.suggest_augmentation"

    @classmethod
    def without_a_look(cls, asked: Asked, why: str) -> Changes:
        """Return what was asked for; nothing, with the reason, where that is what fits."""
        return cls(None, why) if isinstance(asked, str) else cls(asked)


def found_changes(
    train: LabelledImages,
    validation: LabelledImages | None,
    frozen: FrozenSettings,
    reporter: Reporter,
) -> Changes:
    """Find which changes of the training images fit them.

    Args:
        train: Training images, with one class each.
        validation: Validation images, which are only checked; or None.
        frozen: What looks at the training images.
        reporter: Shows how far it is.

    Raises:
        TlkitError: As for `tlkit.StagedTrainer.fit`, of images that cannot be trained on.
    """
    _checks.checked_sets(train, validation, ())
    assert isinstance(train, ImageDataset)
    with open_store(frozen.cache) as store:
        _checks.check_images(store, train, validation)
    try:
        found = changes_that_fit(frozen, train, _IMAGES, reporter)
    except SplitError as error:
        return Changes(None, f"too few images to tell which changes fit: {error}")
    names = ", ".join(found.names) or "no change"
    return Changes(found.augmentation, f"{names}: by probes on {found.images:,} images")


def recorded_changes(stage: Mapping[str, Any] | None, why: str) -> Changes:
    """Return those with which a run was begun.

    Args:
        stage: The settings of its fine-tuning, as they are kept; None where it has none.
        why: For people.
    """
    kept = None if stage is None else stage["augmentation"]
    return Changes(None if any(only_text(kept)) else decoded(kept), why)
