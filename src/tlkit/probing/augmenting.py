"""suggest_augmentation: which flips, crops and other changes fit some images."""

from __future__ import annotations

from functools import partial
from typing import Unpack

import numpy as np

from tlkit._numbers import is_whole
from tlkit._progress import Reporter, reporter_for
from tlkit._regression.logistic import Ints
from tlkit._regression.standardized import Doubles
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.data.deals import deals
from tlkit.errors import DataError
from tlkit.features.settings import FrozenArguments, FrozenSettings
from tlkit.probing._changes import CHANGES, augmentation_of, seen_as
from tlkit.probing._pictures import check_pictures
from tlkit.probing._seen import Seen, seen_by
from tlkit.probing._view_losses import ViewLosses
from tlkit.probing.suggested_augmentation import Change, SuggestedAugmentation, TransformTrial

_FOLDS = 4
# Features that differ by less, as a share of how far they spread, are of the same pixels.
_SAME = 1e-3


def suggest_augmentation(
    data: ImageDataset,
    backbone: Backbone,
    *,
    image_size: ImageSize | None = None,
    images: int = 1000,
    seed: int = 0,
    verbose: int = 1,
    **settings: Unpack[FrozenArguments],
) -> SuggestedAugmentation:
    """Find which flips, rotations, shifts, zooms, crops and colours fit images, without training.

    Features of images, and of one view of each for every change, go through logistic regressions,
    each tested on a fold that it has not seen. Two figures decide, both a mean difference of log
    loss, image by image, with its interval of 95 %:

    - loss on views: a regression that has learned from the images as they are is tested on views. A
      change that images of this kind show anyway costs nothing; a mirrored digit is no digit.
    - loss with views learned: a regression that has learned from images and views is tested on the
      images as they are.

    A change goes in where learning from views lowers the loss; or where it does not raise it and
    the loss on views is at most 0.1 nats above that on the images, at the upper end of its
    interval. Flips need the latter in any case. What cannot be told stays out, as most does where
    images are few, and so does what changes nothing. Changes that go in are made one `Augmentation`
    and one `ColorJitter`, which are tried together, too: as long as they raise the loss, the change
    that was worst by itself goes.

    Args:
        data: The images, with one class each; those to train on.
        backbone: As for `StagedTrainer`.
        image_size: As for `StagedTrainer`.
        images: At most so many are looked at, by chance, with classes in proportion.
        seed: The images, their folds and views follow from it, and random weights where ``weights``
            is None.
        verbose: 0 shows nothing, 1 a progress bar.
        **settings: ``weights``, ``preprocessing``, ``engine``, ``cache``, ``feature_dtype`` and
            ``trunk_precision``, as for `StagedTrainer`.

    Returns:
        What was decided, and why: ``print`` it. Its ``augmentation`` is what a `Stage` takes.

    Raises:
        DataError: Images of one class, with several labels each, that cannot be read, or ``images``
            is no number of images.
        SplitError: No class has two images, or there are more classes than ``images``.

    Example:
        >>> import tlkit, tlkit.testing
        >>> found = tlkit.suggest_augmentation(
        ...     tlkit.testing.tiny_dataset(), tlkit.testing.tiny_backbone(), weights=None,
        ...     engine="keras", cache=False, verbose=0)
        >>> found.images, [trial.name for trial in found.trials][:2]
        (48, ['horizontal flip', 'vertical flip'])
    """
    check_pictures(data)
    if not is_whole(images, 2):
        raise DataError(f"images={images!r}; expected a whole number, at least 2. 1000 is usual.")
    frozen = FrozenSettings(backbone, image_size, seed=seed, **settings)
    return changes_that_fit(frozen, data, images, reporter_for(verbose))


def changes_that_fit(
    frozen: FrozenSettings, data: ImageDataset, images: int, reporter: Reporter
) -> SuggestedAugmentation:
    """Find what `suggest_augmentation` does, for checked images.

    Args:
        frozen: The backbone, and where its features are kept.
        data: The images.
        images: At most so many are looked at.
        reporter: Shows how far it is.

    Raises:
        TlkitError: As for `suggest_augmentation`.
    """
    seed = frozen.seed
    some = data.sample(images, seed=seed) if len(data) > images else data
    k = min(_FOLDS, max(2, int(np.bincount(some.labels).max())))
    (folds,) = deals(some, k, 1, None, seed)
    number = len(CHANGES) + 1
    with seen_by(frozen, some, views=number, progress=reporter.step) as seen:
        return _suggested(seen, some, folds, reporter)


def _suggested(
    seen: Seen, some: ImageDataset, folds: Ints, reporter: Reporter
) -> SuggestedAugmentation:
    features = seen.plain()
    views = {name: seen.views(seen_as(name), 1) for name in CHANGES}
    losses = ViewLosses.of(
        *(features, some.labels, len(some.class_names), folds),
        partial(reporter.step, "augmentation, penalty"),
    )
    plain, *on_views = losses.without(list(views.values()))
    trials = []
    for name, rows, loss in zip(views, views.values(), on_views, strict=True):
        learned = Change.of(losses.learning(rows) - plain)
        idle = bool(np.abs(rows - features).max() <= _SAME * features.std())
        seen_so = Change.of(loss - plain)
        trials.append(TransformTrial(name, augmentation_of([name]), seen_so, learned, idle))
        reporter.step("augmentation", len(trials), len(views))
    kept = [trial for trial in trials if trial.accepted]
    combined = _harmless_together(kept, seen, losses, plain)
    names = [trial.name for trial in kept]
    return SuggestedAugmentation(
        augmentation_of(names) if names else None,
        tuple(trials),
        combined,
        tuple(trial.name for trial in trials if trial.accepted and trial.name not in names),
        float(plain.mean()),
        len(some),
        int(folds.max()) + 1,
    )


def _harmless_together(
    kept: list[TransformTrial], seen: Seen, losses: ViewLosses, plain: Doubles
) -> Change | None:
    """Take out of some changes, the worst first, until they do no harm together.

    Returns:
        What they do together; None where fewer than two are left.
    """
    while len(kept) > 1:
        together = seen.views(augmentation_of(trial.name for trial in kept), 1)
        combined = Change.of(losses.learning(together) - plain)
        if not combined.rises:
            return combined
        kept.remove(max(kept, key=lambda trial: trial.learned.mean))
    return None
