"""A run directory: settings, a folder for each stage, the model at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._disk.atomic import remove_parts
from tlkit._disk.digests import file_digest
from tlkit._disk.records import Record
from tlkit._disk.seals import check_seal, seal
from tlkit._keras.types import Model
from tlkit.errors import LearningRateError, RunDirectoryError
from tlkit.inference.contract import ModelContract
from tlkit.inference.saving import write_model
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.result import Snapshot
from tlkit.training.run_dir._lock import locked
from tlkit.training.run_dir.encoding import differences, upgraded
from tlkit.training.run_dir.engines_used import EngineNotes
from tlkit.training.run_dir.files import write_record, written
from tlkit.training.stage_result import StageResult

# Settings that say where things lie on this machine: kept to make the trainer again, not compared.
PLACES = "places"
# File systems allow 255 bytes for a name.
_LONGEST_NAME = 100
SETTINGS = Record("tlkit settings", 1)
RESULT = Record("tlkit stage result", 1)


class RunDirectory:
    """The files of one training.

    ::

        settings.json            what is trained on what
        engines.json             which engine ran what
        run.lock                 while a process trains: which
        stages/01-NAME/
          checkpoint.npz         state after the last finished epoch, while the stage runs
          weights.weights.h5     whole model, once the stage is finished
          result.json            its history, timings and notes, once it is finished
          curve.json             the learning-rate search, if there was one
          snapshots.npz          weights after fewer epochs, if they were asked for
        model.keras              the trained model, at the end

    Args:
        root: The folder; made where it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.model = Path(root), Path(root) / "model.keras"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out of the folder for a block.

        Raises:
            RunDirectoryError: It cannot be made or written, or another process is in it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.root, error) from error
        with locked(self.root / "run.lock"):
            for folder in (self.root, *self.root.glob("stages/*/")):
                remove_parts(folder)
            yield

    def settings(self) -> dict[str, Any] | None:
        """Return the settings that are kept, or None where no run was begun.

        Raises:
            RunDirectoryError: They cannot be read.
        """
        file = self.root / "settings.json"
        try:
            return upgraded(SETTINGS.read(file)) if file.is_file() else None
        except (OSError, ValueError) as error:
            raise _unusable(self.root, f"settings.json cannot be read: {error}") from error

    def open(self, settings: Mapping[str, object], *, resume: bool) -> None:
        """Write the settings, or compare them with those of the run that is to be resumed.

        Raises:
            RunDirectoryError: The folder cannot be written, holds a run although ``resume`` is
                False, or holds one with other settings or data; the message says what differs.
        """
        settings = json.loads(json.dumps(settings))
        known = self.settings()
        if known is None:
            write_record(SETTINGS, self.root / "settings.json", settings)
            return
        if not resume:
            raise RunDirectoryError(
                f"{self.root} already holds a run. Pass resume=True to go on with it, or give "
                "another run_dir."
            )
        lines = list(differences(_compared(known), _compared(settings)))
        if lines:
            listed = "\n".join(f"  {line}" for line in lines)
            raise RunDirectoryError(
                f"The run in {self.root} cannot be resumed, since these differ from it:\n{listed}\n"
                f"Restore them, or give another run_dir.{self._way_on()}"
            )

    def _way_on(self) -> str:
        """Say how to keep what the run reached although its settings are to change."""
        finished = sorted(self.root.glob("stages/*/result.json"))
        if not finished:
            return ""
        weights = StageFiles(finished[-1].parent).weights
        return (
            " To go on with other settings from the last stage that it finished, pass "
            f"start_from={str(weights)!r} there."
        )

    def engines(self) -> EngineNotes:
        """Return which engine ran what.

        Raises:
            RunDirectoryError: That is damaged.
        """
        return EngineNotes(self.root / "engines.json")

    def stage(self, number: int, name: str) -> StageFiles:
        """Return the files of a stage; its number counts from 1."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "stage"
        safe = safe[:_LONGEST_NAME]
        return StageFiles(self.root / "stages" / f"{number:02d}-{safe}")

    def save_model(self, model: Model, contract: ModelContract) -> None:
        """Write ``model.keras`` with its class names, unless it is there as it was written."""
        try:
            check_seal(self.model)
        except (OSError, ValueError):
            with written(self.model) as part:
                write_model(model, part, contract)


class StageFiles:
    """The files of one stage.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.checkpoint = folder / "checkpoint.npz"
        self.weights = folder / "weights.weights.h5"
        self.curve = folder / "curve.json"
        self._snapshots = folder / "snapshots.npz"
        self._result = folder / "result.json"

    def finished(self) -> StageResult | None:
        """Return the result of a finished stage, or None.

        Raises:
            RunDirectoryError: The result, the weights or the curve are not what was written.
        """
        if not self._result.is_file():
            return None
        try:
            data = RESULT.read(self._result)
            if data.pop("checksums") != self._checksums():
                raise ValueError("a checksum does not fit")
            return StageResult.from_json(data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunDirectoryError(
                f"The finished stage in {self._folder} is damaged: {error}. Delete this folder, "
                "and those of the stages after it, to train them again."
            ) from error

    def searched(self, finder: ExponentialLRFinder | None = None) -> LRCurve | None:
        """Return the curve of the search, or None where there was none.

        Args:
            finder: The stage's finder, whose selector is given to the curve, as only tlkit's own
                selectors can be read from a file; None where the answer of then will do.

        Raises:
            RunDirectoryError: The curve is damaged.
        """
        if not self.curve.is_file():
            return None
        selector = finder.selector if finder else None
        try:
            return LRCurve.load(self.curve, selector=selector, as_recorded=True)
        except LearningRateError as error:
            raise RunDirectoryError(
                f"{error} Delete it to go on without the curve: the stage's checkpoint keeps the "
                "rate that was found; before the first checkpoint the search begins anew."
            ) from error

    def snapshots(self) -> dict[int, Snapshot]:
        """Return the snapshots of a finished stage, whose checksum `finished` has looked at."""
        found: dict[int, dict[int, np.ndarray]] = {}
        if self._snapshots.is_file():
            with np.load(self._snapshots, allow_pickle=False) as data:
                for key in data.files:
                    epochs, place = map(int, key.split("-"))
                    found.setdefault(epochs, {})[place] = data[key]
        return dict(found)

    def finish(
        self, model: Model, result: StageResult, snapshots: Mapping[int, Snapshot] | None = None
    ) -> None:
        """Write the weights, then the result that says the stage is finished."""
        with written(self.weights) as part:
            model.save_weights(part)
            seal(part)
        if snapshots:
            arrays = {
                f"{n}-{place}": x for n, kept in snapshots.items() for place, x in kept.items()
            }
            with written(self._snapshots) as part, part.open("wb") as stream:
                np.savez(stream, **arrays)
        content = {**result.to_json(), "checksums": self._checksums()}
        write_record(RESULT, self._result, content)
        self.checkpoint.unlink(missing_ok=True)

    def _checksums(self) -> dict[str, str]:
        """Return the SHA-256 of the files that belong to the result."""
        files = (self.weights, self.curve, self._snapshots)
        return {file.name: file_digest(file) for file in files if file.is_file()}


def _compared(settings: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != PLACES}


def _unusable(root: Path, reason: object) -> RunDirectoryError:
    return RunDirectoryError(
        f"The run directory {root} cannot be used: {reason}. Give another run_dir."
    )
