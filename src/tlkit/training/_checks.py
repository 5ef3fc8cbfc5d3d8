"""Stages and images that cannot be trained, told before anything is begun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit._printing import counted
from tlkit.data.class_names import shared_classes, shown_names
from tlkit.data.decoding.fitting import one_fit
from tlkit.data.duplicates import duplicate_notes
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import DataError, TrainingError
from tlkit.features.store.store import FeatureStore
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.feeding.class_weights import class_weights
from tlkit.training.kept import Keep, check_keep
from tlkit.training.stage import Stage


def check_parts(stages: Sequence[Stage], keep: Keep) -> None:
    """Raise where stages cannot follow one another.

    Raises:
        TrainingError: No stage, something that is none, or two of one name; a ``keep`` that is
            none.
    """
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


def check_data(train: LabelledImages, validation: LabelledImages | None = None) -> None:
    """Raise where there are no labelled images, or labels that cannot be trained on.

    Raises:
        DataError: One of both is no data set, or they are of two kinds, or no training image has a
            label, or all have the same one; or there is no image to validate on.
    """
    require_dataset(train, "train")
    if validation is not None:
        require_dataset(validation, "validation")
        if validation.labels.ndim != train.labels.ndim:
            raise DataError(
                f"train is a {type(train).__name__} and validation a {type(validation).__name__}; "
                "expected one kind: a single class for each image in both, or any number of labels."
            )
        if not len(validation):
            raise DataError(
                "Received a data set of 0 images to hold out; expected at least one, or None in "
                "its place. Look at what parted the images, such as the condition of a subset(...)."
            )
    present = [name for name, count in train.class_counts.items() if count]
    if train.labels.ndim == 2:
        if not present:
            raise DataError(
                "No training image has a label; expected at least one image that has one. Look "
                "whether the labels were read from the right place."
            )
    elif len(present) < 2:
        raise DataError(
            f"The training images are all of one class, {', '.join(present) or 'none'}; expected "
            "at least two classes."
        )


def checked_sets(
    train: LabelledImages,
    validation: LabelledImages | None,
    stages: Sequence[Stage],
    devices: Devices = ONE_DEVICE,
) -> LabelledImages | None:
    """Return validation images with classes as the training images number them, by name.

    Raises:
        DataError: As for `check_data`; or the sets do not fit together.
        TrainingError: The class weights of a stage, also the last, do not fit the classes; as for
            `check_devices`.
    """
    check_data(train, validation)
    check_devices(devices, stages, train, validation)
    if validation is not None:
        one_fit({"the training images": train.fit, "the validation images": validation.fit})
    validation = _in_training_order(train, validation)
    for stage in stages:
        class_weights(stage.class_weight, train, stage.name)
    return validation


def check_devices(
    devices: Devices,
    stages: Sequence[Stage],
    train: LabelledImages,
    validation: LabelledImages | None = None,
) -> None:
    """Raise where batches cannot be dealt evenly to the devices.

    Raises:
        TrainingError: There are fewer images than devices, or a batch size that is no multiple.
    """
    count = devices.count
    for images, name in ((train, "training"), (validation, "validation")):
        if images is not None and len(images) < count:
            raise TrainingError(
                f"distribution has {count} devices, {', '.join(devices.names)}, and there "
                f"{'is' if len(images) == 1 else 'are'} {counted(len(images), f'{name} image')}; "
                f"expected at least one for each. Give {counted(len(images), 'device')} at most."
            )
    for stage in stages:
        if stage.batch_size % count:
            fitting = -(-stage.batch_size // count) * count
            raise TrainingError(
                f"Stage {stage.name!r}: batch_size={stage.batch_size} on {count} devices, "
                f"expected a multiple of {count}, so that every device has the same share of a "
                f"batch. Take batch_size={fitting}."
            )


def _in_training_order(
    train: LabelledImages, validation: LabelledImages | None
) -> LabelledImages | None:
    """Return validation images with classes as the training images number them, by name.

    Raises:
        DataError: A validation image is of a class that no training image is of.
    """
    if validation is None:
        return None
    several = train.labels.ndim == 2
    if validation.class_names != train.class_names and several:
        validation = validation.with_classes(train.class_names)
    elif validation.class_names != train.class_names:
        words = ("the training images", "the validation images")
        shared_classes(train.class_names, validation.class_names, validation.labels, words=words)
        validation = validation.with_classes(train.class_names)
    present = {name for name, count in train.class_counts.items() if count}
    unseen = {name for name, count in validation.class_counts.items() if count} - present
    if unseen and not several:
        raise DataError(
            f"Validation images are of classes without a training image: {sorted(unseen)}. "
            "Split one data set with dataset.split()."
        )
    return validation


def check_images(
    store: FeatureStore, train: LabelledImages, validation: LabelledImages | None = None
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
    return (*duplicate_notes(train, validation), *_unseen_labels(train, validation))


def _unseen_labels(train: LabelledImages, validation: LabelledImages | None) -> Iterator[str]:
    """Yield a line on labels of validation images that no training image has."""
    counts = train.class_counts
    held_out = {} if validation is None else validation.class_counts
    unseen = [name for name, count in held_out.items() if count and not counts.get(name)]
    if unseen:
        yield (
            f"validation images have {counted(len(unseen), 'label')} that no training image has, "
            f"and that cannot be learned: {shown_names(unseen)}"
        )


def _check_depth(train: int | None, validation: int | None) -> None:
    if None not in (train, validation) and train != validation:
        raise DataError(
            f"Images of more than 8 bits are read with depth={train} for training and "
            f"depth={validation} for validation, so that one value is two shades of grey; expected "
            "one depth. Give both data sets the same, such as "
            f"ImageDataset.from_directory(..., depth={max(train or 0, validation or 0)})."
        )
