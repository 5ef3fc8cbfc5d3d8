"""What a search was asked for, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from numbers import Real
from pathlib import Path
from typing import Any

from tlkit._numbers import is_whole
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError
from tlkit.evaluation.metrics.label_scores import label_metric_named
from tlkit.evaluation.metrics.scores import metric_named
from tlkit.training import _checks
from tlkit.training.arguments import TrainerArguments
from tlkit.training.recipes.budget import Budget
from tlkit.training.run_dir.encoding import encoded
from tlkit.training.tuning._asked import Asked
from tlkit.training.tuning._maker import Make, Maker
from tlkit.training.tuning._space import (
    Settings,
    Space,
    checked_space,
    default_space,
    drawn,
    size_of,
)

# So many settings where nothing is said, and at most so many where a time is.
USUAL, MOST = 16, 243


@dataclass(frozen=True, eq=False)
class Wanted:
    """How to search, as the caller said it; see `tlkit.tune`."""

    space: Any
    make: Make | None
    budget: Any
    trials: Any
    folds: Any
    metric: str


def checked(
    backbone: Any,
    sets: tuple[Any, Any, Any],
    wanted: Wanted,
    given: TrainerArguments,
    *,
    seed: int,
    resume: bool,
) -> Asked:
    """Return what is asked for.

    Args:
        backbone: What is trained on.
        sets: Training, validation and test images as they were given.
        wanted: How to search.
        given: Of all trainers.
        seed: What is drawn follows from it, and the split.
        resume: Whether the search in ``run_dir`` goes on.

    Raises:
        TlkitError: Something is not as expected; says what.
    """
    seconds, folds = _seconds(wanted.budget), wanted.folds
    _check_counts(wanted)
    _check_given(given)
    run_dir = given.get("run_dir")
    _checks.check_resume(None if run_dir is None else Path(run_dir), resume=resume)
    train, validation, share = _sets(sets[0], sets[1], folds, seed)
    test = _tested(train, sets[2], folds)
    maker = Maker(backbone, train, validation, given, wanted.make, seed)
    space = _space(wanted, maker)
    settings, size = _settings(wanted, space, maker, seed)
    validation = _checks.checked_sets(train, validation, maker.checked(settings[0]).stages)
    classes = len(train.class_names)
    several = train.labels.ndim > 1
    known = label_metric_named(wanted.metric) if several else metric_named(wanted.metric, classes)
    return Asked(
        train,
        validation,
        share,
        test,
        maker,
        space,
        settings,
        size,
        seconds,
        folds,
        wanted.metric,
        known.lower_is_better,
    )


def _seconds(budget: Any) -> float | None:
    if budget is not None and not isinstance(budget, str):
        raise TrainingError(
            f"budget={budget!r}; expected a time, such as '30 min' or '2 h', or None. A number of "
            "trials is trials=..., their epochs are a setting of the space."
        )
    found = Budget.of(budget)
    return None if found is None else found.seconds


def _check_counts(wanted: Wanted) -> None:
    for name, value, least in (("trials", wanted.trials, 1), ("folds", wanted.folds, 2)):
        if value is not None and not is_whole(value, least):
            raise TrainingError(f"{name}={value!r}; expected a whole number from {least}, or None.")
    if wanted.make is not None and (not callable(wanted.make) or wanted.space is None):
        raise TrainingError(
            f"make={wanted.make!r} with space={wanted.space!r}; expected a function of "
            "settings in the space, such as make=tlkit.recipes.discriminative with "
            "space={'learning_rate': [1e-4, 1e-3]}."
        )


def _check_given(given: Mapping[str, Any]) -> None:
    if "stages" in given:
        raise TrainingError(
            "tune makes the stages of its trials, and was given stages. Give make=..., a function "
            "of the settings in the space that returns them."
        )


def _sets(
    train: Any, validation: Any, folds: int | None, seed: int
) -> tuple[LabelledImages, LabelledImages | None, float | None]:
    require_dataset(train, "train")
    share = isinstance(validation, Real) and not isinstance(validation, bool)
    if folds is not None:
        if validation is not None and not share:
            raise TrainingError(
                f"folds={folds} with validation images of their own; expected one of both. With "
                "folds each image is left out once: give all of them as train, and as validation "
                "the share of each training's images that validates it, such as 0.1."
            )
        return train, None, validation
    if share:
        return (*train.split(validation, seed=seed), None)
    require_dataset(validation, "validation")
    return train, validation, None


def _tested(train: LabelledImages, test: Any, folds: int | None) -> LabelledImages | None:
    if test is None:
        return None
    require_dataset(test, "test")
    if folds is not None:
        raise TrainingError(
            "test= with folds=: nothing is trained on all images. Fit the best and score it: "
            "tlkit.evaluate(tuned.trainer.fit(train), test)."
        )
    return _checks.checked_sets(train, test, ())


def _space(wanted: Wanted, maker: Maker) -> Space:
    if wanted.space is None:
        return default_space(several=maker.train.labels.ndim > 1)
    return checked_space(wanted.space, maker.names)


def _settings(
    wanted: Wanted, space: Space, maker: Maker, seed: int
) -> tuple[tuple[Settings, ...], int]:
    """Return the settings of each trial, and how many there are."""
    maker.check(space)
    first = maker.default(space)
    count = wanted.trials or (USUAL if wanted.budget is None else MOST)
    size = size_of(space)
    if first is None:
        found = list(drawn(space, count, seed))
    else:
        own = encoded(first)
        inside = all(
            any(encoded(value) == encoded(first[name]) for value in values)
            for name, values in space.items()
        )
        size += not inside
        others = drawn(space, count if inside else count - 1, seed)
        found = [first, *islice((x for x in others if encoded(x) != own), count - 1)]
    for settings in found:
        maker.checked(settings)
    return tuple(found), size
