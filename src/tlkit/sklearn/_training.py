"""What an ImageClassifier is told, trained; apart from it, as this loads Keras."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.utils import check_random_state

from tlkit.backbones.build import Backbone, ImageSize
from tlkit.data.dataset import ImageDataset
from tlkit.errors import SplitError, TrainingError
from tlkit.freezing.own_head import GivenHead
from tlkit.training.arguments import TrainerArguments
from tlkit.training.fine_tuning.fine_tune import fine_tune
from tlkit.training.result import TrainingResult
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer

# What makes stages, and means nothing where these are given.
_OF_FINE_TUNE = (
    "epochs",
    "learning_rate",
    "augmentation",
    "batch_size",
)


class Asked(Protocol):
    """What a training is told; `ImageClassifier` says what each setting means."""

    backbone: Backbone
    stages: Sequence[Stage] | None
    validation: float | None
    head: GivenHead | None
    image_size: ImageSize | None
    weights: str | Path | None
    engine: str
    cache: bool | str | Path
    random_state: int | np.random.RandomState | None
    verbose: int


def trained(asked: Asked, images: ImageDataset) -> TrainingResult:
    """Train as a classifier's settings say.

    Args:
        asked: The classifier; it stays as it is.
        images: All pictures, of which some may be held out.

    Raises:
        SplitError: A class has too few pictures to hold one out.
        TrainingError: Settings that do not go together.
        tlkit.TlkitError: As for `fine_tune` and `tlkit.StagedTrainer`.
    """
    seed = _seed(asked.random_state)
    settings: TrainerArguments = {
        "head": asked.head,
        "image_size": asked.image_size,
        "weights": asked.weights,
        "engine": asked.engine,
        "cache": asked.cache,
    }
    if asked.stages is not None:
        _check_alone(asked, asked.stages)
        trainer = StagedTrainer(asked.backbone, stages=asked.stages, seed=seed, **settings)
        return trainer.fit(*_split(images, asked.validation, seed), verbose=asked.verbose)
    chosen: dict[str, Any] = {name: getattr(asked, name) for name in _OF_FINE_TUNE}
    train, held_out = _split(images, asked.validation, seed)
    told = {**chosen, **settings, "seed": seed, "verbose": asked.verbose}
    return fine_tune(train, held_out, asked.backbone, **told)


def _split(
    images: ImageDataset, share: float | None, seed: int
) -> tuple[ImageDataset, ImageDataset | None]:
    if share is None:
        return images, None
    if not isinstance(share, Real):
        raise TrainingError(
            f"validation={share!r}; expected the share of X to hold out, such as 0.2, or None. "
            "Pictures of your own choice go to tlkit.fine_tune(train, validation)."
        )
    try:
        return images.split(float(share), seed=seed)
    except SplitError as error:
        raise SplitError(
            f"validation={share!r} of {len(images)} pictures cannot be held out: {error} Here "
            "validation=None trains on all of them."
        ) from error


def _check_alone(asked: Asked, stages: Sequence[Stage]) -> None:
    known = inspect.signature(type(asked)).parameters
    changed = [name for name in _OF_FINE_TUNE if getattr(asked, name) != known[name].default]
    if changed:
        raise TrainingError(
            f"Received stages={stages!r} and {', '.join(changed)}; expected one of both, as stages "
            "say these things themselves. Leave stages out, or set it in them."
        )


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
