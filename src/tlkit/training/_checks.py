"""Stages and images that cannot be trained, told before anything is begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlkit.data.class_names import shared_classes
from tlkit.data.dataset import ImageDataset
from tlkit.data.decoding.fitting import one_fit
from tlkit.data.duplicates import duplicate_notes
from tlkit.data.expected import require_dataset
from tlkit.errors import DataError, TrainingError
from tlkit.features.store.store import FeatureStore
from tlkit.freezing.head import Head
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.feeding.class_weights import class_weights
from tlkit.training.kept import Keep, check_keep
from tlkit.training.stage import Stage


def check_parts(stages: Sequence[Stage], head: Head | None, keep: Keep) -> None:
    """Raise where stages cannot follow one another, or a head is something else.

    Raises:
        TrainingError: No stage, something that is none, or two of one name; a Keras layer as head;
            a ``keep`` that is none.
    """
    if head is not None and not isinstance(head, Head):
        raise TrainingError(
            f"head={head!r}, expected a tlkit.Head, such as Head(units=(256,), dropout=0.2); the "
            "layer with a softmax over the classes is added to it."
        )
    if not isinstance(stages, (list, tuple)):
        raise TrainingError(f"stages={stages!r}, expected a list: stages=[Stage(...), ...].")
    for stage in stages:
        if not isinstance(stage, Stage):
            raise TrainingError(
                f"stages holds {stage!r}, expected Stage objects only, such as "
                "Stage('head', epochs=10, learning_rate=0.001)."
            )
    names = [stage.name for stage in stages]
    if not names:
        raise TrainingError("stages is empty, expected at least one Stage.")
    early = [stage.name for stage in stages[:-1] if stage.snapshots]
    if early:
        raise TrainingError(
            f"Stage {early[0]!r} has snapshots and is not the last, {names[-1]!r}; the stage after "
            "it starts from its last epoch alone. Train each of its lengths with a trainer of its "
            "own, or leave snapshots out."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TrainingError(f"Two stages are called {twice[0]!r}. Give each a name of its own.")
    check_keep(keep, stages)


def check_finder(finder: ExponentialLRFinder) -> None:
    """Raise where a search is asked for without a finder.

    Raises:
        TrainingError: It is something else.
    """
    if not isinstance(finder, ExponentialLRFinder):
        raise TrainingError(
            f"finder={finder!r}, expected an ExponentialLRFinder, such as "
            "find_learning_rate(train, ExponentialLRFinder(1e-5, 1.0, steps=40))."
        )


def check_resume(run_dir: Path | None, *, resume: bool) -> None:
    """Raise where there is nothing to go on with.

    Raises:
        TrainingError: The trainer has no ``run_dir``.
    """
    if resume and run_dir is None:
        raise TrainingError(
            "resume=True, but this trainer keeps no run that could be resumed. Give it the "
            "run_dir of the run to go on with."
        )


def check_data(train: ImageDataset, validation: ImageDataset | None = None) -> None:
    """Raise where there are no labelled images, or labels that cannot be trained on.

    Raises:
        DataError: One of both is no data set, or has several labels for an image, or all training
            images are of one class.
    """
    for name, data in (("train", train), ("validation", validation)):
        if data is not None or name == "train":
            require_dataset(data, name)
            _require_one_class_each(data, name)
    present = [name for name, count in train.class_counts.items() if count]
    if len(present) < 2:
        raise DataError(
            f"The training images are all of one class, {', '.join(present) or 'none'}; expected "
            "at least two classes."
        )


def _require_one_class_each(data: Any, name: str) -> None:
    if data.labels.ndim > 1:
        raise DataError(
            f"{name} is a {type(data).__name__}, whose images have any number of labels; expected "
            "one class for each image, as in an ImageDataset: tlkit does not train on several "
            "labels yet. tlkit.extract gives features and labels for a training of your own."
        )


def checked_sets(
    train: ImageDataset, validation: ImageDataset | None, stages: Sequence[Stage]
) -> ImageDataset | None:
    """Return validation images with classes as the training images number them, by name.

    Raises:
        DataError: As for `check_data`; or the sets do not fit together.
        TrainingError: The class weights of a stage, also the last, do not fit the classes.
    """
    check_data(train, validation)
    if validation is not None:
        one_fit({"the training images": train.fit, "the validation images": validation.fit})
    validation = _in_training_order(train, validation)
    for stage in stages:
        class_weights(stage.class_weight, train, stage.name)
    return validation


def _in_training_order(train: ImageDataset, validation: ImageDataset | None) -> ImageDataset | None:
    """Return validation images with classes as the training images number them, by name.

    Raises:
        DataError: A validation image is of a class that no training image is of.
    """
    if validation is None:
        return None
    if validation.class_names != train.class_names:
        words = ("the training images", "the validation images")
        shared_classes(train.class_names, validation.class_names, validation.labels, words=words)
        validation = validation.with_classes(train.class_names)
    present = {name for name, count in train.class_counts.items() if count}
    unseen = {name for name, count in validation.class_counts.items() if count} - present
    if unseen:
        raise DataError(
            f"Validation images are of classes without a training image: {sorted(unseen)}. "
            "Split one data set with dataset.split()."
        )
    return validation


def check_images(
    store: FeatureStore, train: ImageDataset, validation: ImageDataset | None = None
) -> tuple[str, ...]:
    """Raise where an image is damaged, after one read of each file that the store does not know.

    Returns:
        What there is to say on pictures that are there more than once.

    Raises:
        DamagedImageError: Names the damaged images of the first set that has any.
        DataError: Images of more than 8 bits are not read alike for training and validation.
    """
    scans = store.scans()
    try:
        for data in (train, validation):
            if data is not None:
                data.scan(scans).raise_if_any()
    finally:
        scans.save()  # those that are whole need no other look once the others are mended
    if validation is not None:
        _check_depth(train.depth, validation.depth)
    return tuple(duplicate_notes(train, validation))


def _check_depth(train: int | None, validation: int | None) -> None:
    if None not in (train, validation) and train != validation:
        raise DataError(
            f"Images of more than 8 bits are read with depth={train} for training and "
            f"depth={validation} for validation, so that one value is two shades of grey; expected "
            "one depth. Give both data sets the same, such as "
            f"ImageDataset.from_directory(..., depth={max(train or 0, validation or 0)})."
        )
