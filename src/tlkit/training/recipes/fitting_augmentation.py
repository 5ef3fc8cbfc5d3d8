"""Which augmentation fits the images of a recipe: looked for, or as a run was begun with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tlkit._progress import Reporter
from tlkit.data.dataset import ImageDataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import SplitError
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.probing.augmenting import changes_that_fit
from tlkit.training import _checks
from tlkit.training.recipes.changes import Changes
from tlkit.training.run_dir.encoding import decoded, only_text

# So many images tell which changes fit; it takes a fraction of what fine-tuning takes.
_IMAGES = 500


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
