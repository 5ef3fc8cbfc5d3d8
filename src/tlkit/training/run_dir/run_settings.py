"""What makes a run that run: the trainer's settings and the data; and the trainer made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tlkit._disk.digests import file_digest
from tlkit._urls import is_url
from tlkit.backbones.build import Backbone
from tlkit.backbones.registry import get_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.backbones.weights import weights_file
from tlkit.data.decoding.fitting import SQUASH
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import BackboneError, RunDirectoryError, TlkitError, WeightsError
from tlkit.features.settings import FrozenSettings
from tlkit.freezing.own_head import AnyHead
from tlkit.training.kept import Keep
from tlkit.training.run_dir.encoding import decoded, encoded, only_text
from tlkit.training.run_dir.longer import make_longer
from tlkit.training.run_dir.run_directory import PLACES, RunDirectory
from tlkit.training.stage import Stage

# Settings of frozen work on which a result depends, besides the backbone.
_FROZEN = (
    *("image_size", "weights", "preprocessing", "engine", "feature_dtype", "trunk_precision"),
    "seed",
)
# Arguments of a trainer on which its result depends, besides the backbone and start_from.
_ARGUMENTS = ("stages", "head", "keep", *_FROZEN)


def run_settings(
    frozen: FrozenSettings,
    head: AnyHead,
    stages: Sequence[Stage],
    keep: Keep,
    start_from: Path | None,
    train: LabelledImages,
    validation: LabelledImages | None,
) -> dict[str, Any]:
    """Return what a run directory keeps about a training, as JSON data.

    Args:
        frozen: Settings of frozen work.
        head: The classification head.
        stages: What to do, in order.
        keep: Which stage's weights the model ends with.
        start_from: File of the weights to begin with, or None.
        train: Training images.
        validation: Validation images, or None.
    """
    cache, weights = frozen.cache, _weights_file(frozen)
    settings = {name: encoded(getattr(frozen, name)) for name in _FROZEN}
    if weights is not None:
        settings["weights"] = _digest("weights", weights)
    return {
        "tlkit": version("tlkit"),
        "keras": keras_settings(),
        "backbone": _backbone(frozen.backbone),
        "stages": encoded(tuple(stages)),
        "head": encoded(head),
        "keep": keep,
        **settings,
        "start_from": None if start_from is None else _digest("start_from", start_from),
        "train": _data(train),
        "validation": None if validation is None else _data(validation),
        PLACES: {
            "start_from": None if start_from is None else str(start_from.resolve()),
            "cache": _place(cache),
            **({} if weights is None else {"weights": str(weights.resolve())}),
        },
    }


def keras_settings() -> dict[str, Any]:
    """Return Keras's version, and all of its global settings that decide numbers."""
    import keras

    return {
        "version": keras.__version__,
        "backend": keras.config.backend(),
        "dtype_policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "flash_attention": keras.config.is_flash_attention_enabled(),
    }


@contextmanager
def held_run(
    root: Path | None,
    frozen: FrozenSettings,
    head: AnyHead,
    stages: Sequence[Stage],
    keep: Keep,
    start_from: Path | None,
    train: LabelledImages,
    validation: LabelledImages | None,
    *,
    resume: bool,
) -> Iterator[RunDirectory | None]:
    """Hold the directory of a run, begun or gone on with; None where there is to be none.

    Args:
        root: The directory, or None.
        frozen: As for `run_settings`, and so are the next six.
        head: The classification head.
        stages: What to do, in order.
        keep: Which stage's weights the model ends with.
        start_from: File of the weights to begin with, or None.
        train: Training images.
        validation: Validation images, or None.
        resume: Whether to go on with the run that is there.

    Raises:
        RunDirectoryError: It cannot be written, is in use, or holds another run.
    """
    if root is None:
        yield None
        return
    run = RunDirectory(root)
    with run.held():
        settings = run_settings(frozen, head, stages, keep, start_from, train, validation)
        if resume:
            make_longer(run, settings, stages)
        run.open(settings, resume=resume)
        yield run


def trainer_arguments(root: Path, replaced: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the trainer that began a run.

    Args:
        root: The run directory.
        replaced: Arguments that are given anew.

    Raises:
        RunDirectoryError: There is no run, or it used what can't be built from text; says what and
            what to pass instead.
    """
    settings = begun_settings(root)
    try:
        known = {name: settings[name] for name in ("backbone", *_ARGUMENTS)} | settings[PLACES]
    except (KeyError, TypeError) as error:
        raise _damaged(root, error) from error
    wanted = {name: item for name, item in known.items() if name not in replaced}
    _refuse_text(dict(only_text(wanted)), root)
    try:
        kept = {name: decoded(item) for name, item in wanted.items() if name != "backbone"}
    except (ValueError, TlkitError) as error:
        raise _damaged(root, error) from error
    if "backbone" in wanted:
        kept["backbone"] = _found(wanted["backbone"], root)
    return {**kept, "run_dir": root, **replaced}


def begun_settings(root: Path) -> dict[str, Any]:
    """Return what `run_settings` gave the run that was begun in a folder.

    Raises:
        RunDirectoryError: There is none, or its settings cannot be read.
    """
    settings = RunDirectory(root).settings()
    if settings is None:
        raise RunDirectoryError(
            f"{root} holds no run. Give the run_dir of a trainer whose fit() was begun."
        )
    return settings


def _damaged(root: Path, error: Exception) -> RunDirectoryError:
    return RunDirectoryError(
        f"The settings in {root} are damaged or of another version of tlkit: {error}. Make the "
        "trainer by hand, as it was made at first."
    )


def _refuse_text(texts: Mapping[str, str], root: Path) -> None:
    if not texts:
        return
    listed = "\n".join(f"  {path}: {text}" for path, text in texts.items())
    names = dict.fromkeys(path.partition("[")[0].partition(".")[0] for path in texts)
    raise RunDirectoryError(
        f"The trainer of {root} has settings that cannot be rebuilt from text:\n{listed}\n"
        f"Pass them again: StagedTrainer.from_run({str(root)!r}, "
        f"{', '.join(f'{name}=...' for name in names)})."
    )


def _backbone(backbone: Backbone) -> Any:
    if not isinstance(backbone, BackboneSpec):
        return encoded(backbone)
    return {"name": backbone.name, "distribution": backbone.distribution}


def _found(data: Mapping[str, str], root: Path) -> BackboneSpec:
    try:
        full = ":".join(part for part in (data["distribution"], data["name"]) if part)
    except (KeyError, TypeError) as error:
        raise _damaged(root, error) from error
    try:
        return get_backbone(full)
    except BackboneError as error:
        raise RunDirectoryError(
            f"The run in {root} is of the backbone {full!r}, which no installed plugin provides: "
            f"{error} Install it, or pass it: StagedTrainer.from_run({str(root)!r}, backbone=...)."
        ) from error


def _weights_file(frozen: FrozenSettings) -> Path | None:
    """Return the file that the backbone's weights come from; a function brings its own."""
    spec = frozen.backbone
    return weights_file(spec, frozen.weights) if isinstance(spec, BackboneSpec) else None


def _data(data: LabelledImages) -> dict[str, Any]:
    return {
        "images": data.fingerprint,
        "count": len(data),
        "labels": hashlib.sha256(data.labels.tobytes()).hexdigest(),
        "class_names": list(data.class_names),
        **({} if data.fit == SQUASH else {"fit": data.fit}),  # runs of before it lack it
    }


def _digest(name: str, file: Path) -> str:
    try:
        return file_digest(file)
    except OSError as error:
        raise WeightsError(
            f"{name}={str(file)!r} cannot be read: {error}. Give the path of a .weights.h5 or "
            ".keras file that can."
        ) from error


def _place(cache: bool | str | Path) -> bool | str:
    if isinstance(cache, bool) or (isinstance(cache, str) and is_url(cache)):
        return cache
    return str(Path(cache).resolve())
