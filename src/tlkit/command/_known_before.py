"""What the frozen network knew of the training pictures, for the page of a training."""

from __future__ import annotations

from typing import TypeAlias

import tlkit

Known: TypeAlias = "list[tlkit.ImageDataset | tlkit.Probe | tlkit.Suspects]"

# Pictures times classes: of more it takes longer than a page should.
_MOST = 200_000
_FOLDS = 5


def known_before(
    train: tlkit.ImageDataset,
    result: tlkit.TrainingResult,
    backbone: str,
    *,
    weights: str | None,
    engine: str,
    seed: int,
) -> Known:
    """Return a probe of the training pictures and its suspects, as `tlkit.report` takes them.

    Their features lie in the store, where the training's own probe left them. Empty where there are
    too many for a minute or so, or no class has pictures for three folds.

    Args:
        train: The training pictures.
        result: What the training gave.
        backbone: Its name, and so are the next three those of the training.
        weights: Of the backbone.
        engine: What ran the frozen part.
        seed: Of the training.
    """
    folds = min(_FOLDS, max(train.class_counts.values()))
    if len(train) * len(train.class_names) > _MOST or folds < 3:
        return []
    probe = tlkit.probe(
        backbone,
        train,
        image_size=result.contract.image_size,
        folds=folds,
        weights=weights,
        engine=engine,
        seed=seed,
        verbose=0,
    )
    return [train, probe, tlkit.suspects(probe)]
