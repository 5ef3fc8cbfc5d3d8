"""A run directory read again: what was asked for, and what became of each stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlkit._printing import Printed, one_line
from tlkit.data.decoding.fitting import SQUASH, Fit, checked_fit
from tlkit.errors import RunDirectoryError
from tlkit.inference.opening import opened
from tlkit.learning_rate.curve import LRCurve
from tlkit.training.kept import Keep, kept_lines
from tlkit.training.result import TrainingResult
from tlkit.training.run_dir.checkpoint import Progress, read_progress
from tlkit.training.run_dir.encoding import shown
from tlkit.training.run_dir.run_directory import PLACES, RunDirectory
from tlkit.training.run_dir.run_settings import begun_settings
from tlkit.training.run_dir.stage_files import StageFiles
from tlkit.training.stage_result import StageResult

_DATA = ("train", "validation")


@dataclass(frozen=True)
class RecordedData:
    """The images that a run was given.

    Args:
        count: How many.
        class_names: In order.
        fingerprint: SHA-256 over their content, in hex.
        fit: How they came to the model's size.
    """

    count: int
    class_names: tuple[str, ...]
    fingerprint: str
    fit: Fit = SQUASH


@dataclass(frozen=True)
class RecordedSettings:
    """What a run was asked to do.

    Args:
        tlkit: The version that began it.
        backbone: Its name, or "own function".
        image_size: As it was given: a side, (height, width), or None for the backbone's default.
        preprocessing: As it was given.
        weights: Of the backbone: a name, "random", or "file" and the first digits of its SHA-256.
        seed: Of every random choice.
        keep: Whether the model has the weights of the ``"last"`` or of the ``"best"`` stage.
        train: Training images.
        validation: Validation images, or None.
        code: The trainer as the code that makes it, without places on a machine.
    """

    tlkit: str
    backbone: str
    image_size: int | tuple[int, ...] | None
    preprocessing: str
    weights: str
    seed: int
    keep: Keep
    train: RecordedData
    validation: RecordedData | None
    code: str


@dataclass(frozen=True)
class RecordedStage:
    """A stage that was asked for, and how far it came.

    Args:
        name: Of the stage.
        epochs: How many were asked for; None where that is not known.
        result: What it did, once it is finished.
        curve: Its learning-rate search, finished or not; None where there was none.
        progress: Of one that is not finished, after its last checkpoint; None before the first.
    """

    name: str
    epochs: int | None = None
    result: StageResult | None = None
    curve: LRCurve | None = None
    progress: Progress | None = None


@dataclass(frozen=True, repr=False)
class RecordedRun(Printed):
    """A run directory as it stands.

    Args:
        settings: What was asked for.
        stages: All that were asked for, in order.
        model: File of the trained model, once all of them are finished.
    """

    settings: RecordedSettings
    stages: tuple[RecordedStage, ...]
    model: Path | None

    def result(self) -> TrainingResult:
        """Return what ``fit`` returned at the end of this run, without its images.

        Raises:
            RunDirectoryError: The run is not finished, or something in it is damaged.
            PredictionError: Keras cannot load its model.
        """
        stages = [stage.result for stage in self.stages if stage.result is not None]
        if self.model is None or len(stages) < len(self.stages):
            raise RunDirectoryError(
                f"{len(stages)} of the {len(self.stages)} stages of this run are finished; a "
                "result needs all and the model. Go on with it by resume=True."
            )
        model, contract = opened(self.model, self.settings.train.class_names, None)
        curves = {stage.name: stage.curve for stage in self.stages if stage.curve is not None}
        last = RunDirectory(self.model.parent).stage(len(stages), stages[-1].name)
        told = (curves, last.snapshots(), self.settings.keep, contract.depth, contract.fit)
        told_of = (contract.task, contract.thresholds)
        return TrainingResult(model, contract.class_names, tuple(stages), *told, *told_of)

    def __repr__(self) -> str:
        done = sum(stage.result is not None for stage in self.stages)
        of = f"{self.settings.backbone}, {done} of {len(self.stages)} stages finished"
        return one_line(f"RecordedRun({of})")

    def __str__(self) -> str:
        rows = (
            str(stage.result) if stage.result else f"{stage.name}: not finished"
            for stage in self.stages
        )
        head = f"{self.settings.backbone}, seed {self.settings.seed}"
        return "\n".join((head, *rows, *self.kept_lines()))

    def kept_lines(self) -> Iterator[str]:
        """Yield a line on whose weights the model has, once all stages are finished."""
        results = [stage.result for stage in self.stages if stage.result is not None]
        if len(results) == len(self.stages):
            yield from kept_lines(results, self.settings.keep)


def read_run(root: str | Path) -> RecordedRun:
    """Read a run directory, also one whose training was cut off or is going on.

    Args:
        root: The ``run_dir`` of a `tlkit.StagedTrainer`.

    Returns:
        The run. Nothing in the folder is changed, and no code but tlkit's own is run.

    Raises:
        RunDirectoryError: There is no run, or something in it is damaged; says what.

    Example:
        >>> import tempfile, tlkit, tlkit.testing
        >>> from tlkit.training import read_run
        >>> stage, folder = tlkit.Stage("head", epochs=2, learning_rate=0.01), tempfile.mkdtemp()
        >>> trainer = tlkit.StagedTrainer(tlkit.testing.tiny_backbone(), stages=[stage],
        ...     weights=None, cache=False, run_dir=folder)
        >>> result = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0)
        >>> [(stage.name, stage.result.epochs) for stage in read_run(folder).stages]
        [('head', 2)]
    """
    run = RunDirectory(Path(root))
    known = begun_settings(run.root)
    try:
        settings = _settings(known)
        # A stage of a user's own class is kept as text, which tells neither.
        asked = [(stage.get("name"), stage.get("epochs")) for stage in known["stages"]]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RunDirectoryError(
            f"{run.root / 'settings.json'} is damaged or of another version of tlkit: {error!r}. "
            "Leave this run out, or train it again."
        ) from error
    stages = tuple(_stage(run, number, *found) for number, found in enumerate(asked, 1))
    return RecordedRun(settings, stages, run.model if run.model.is_file() else None)


def _settings(known: Mapping[str, Any]) -> RecordedSettings:
    size, validation = known["image_size"], known["validation"]
    return RecordedSettings(
        tlkit=str(known["tlkit"]),
        backbone=str(known["backbone"].get("name", "own function")),
        image_size=tuple(size) if isinstance(size, list) else size,
        preprocessing=str(known["preprocessing"]),
        weights=_weights(known),
        seed=known["seed"],
        keep=known["keep"],
        train=_data(known["train"]),
        validation=None if validation is None else _data(validation),
        code=_code(known),
    )


def _weights(known: Mapping[str, Any]) -> str:
    weights = known["weights"]
    if weights is None:
        return "random"
    return f"file {weights[:12]}" if "weights" in known[PLACES] else str(weights)


def _data(known: Mapping[str, Any]) -> RecordedData:
    told = (tuple(map(str, known["class_names"])), str(known["images"]))
    return RecordedData(known["count"], *told, checked_fit(known.get("fit", SQUASH)))


def _code(known: Mapping[str, Any]) -> str:
    others = [x for x in known if x not in ("tlkit", "keras", "backbone", "stages", *_DATA, PLACES)]
    lines = [
        f"{_backbone(known['backbone'])},",
        "stages=(",
        *(f"    {line}" for stage in known["stages"] for line in _stage_code(stage)),
        "),",
        *(f"{name}={shown(known[name])}," for name in others),
    ]
    return "\n".join(["StagedTrainer(", *(f"    {line}" for line in lines), ")"])


def _stage_code(known: Mapping[str, Any]) -> list[str]:
    if "text" in known:
        return [f"{shown(known)},"]
    settings = [f"    {name}={shown(item)}," for name, item in known.items() if name != "class"]
    return [f"{known['class'].removeprefix('tlkit.')}(", *settings, "),"]


def _backbone(known: Mapping[str, Any]) -> str:
    if "name" not in known:
        return shown(known)
    return repr(":".join(part for part in (known["distribution"], known["name"]) if part))


def _stage(run: RunDirectory, number: int, name: str | None, epochs: int | None) -> RecordedStage:
    files = _by_number(run, number) if name is None else run.stage(number, name)
    result, curve, progress = files.finished(), files.searched(), None
    if result is None and files.checkpoint.is_file():
        progress = read_progress(files.checkpoint)
    told = result.name if result else name or f"stage {number}"
    return RecordedStage(told, epochs, result, curve, progress)


def _by_number(run: RunDirectory, number: int) -> StageFiles:
    """Return the files of a stage whose name is not known."""
    found = sorted(run.root.glob(f"stages/{number:02d}-*/"))
    return StageFiles(found[0] if found else run.root / "stages" / f"{number:02d}-")
