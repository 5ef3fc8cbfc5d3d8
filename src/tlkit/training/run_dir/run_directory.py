"""A run directory: settings, a folder for each stage, the model at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlkit._disk.atomic import remove_parts
from tlkit._disk.records import Record
from tlkit._disk.seals import check_seal
from tlkit._keras.types import Model
from tlkit.errors import RunDirectoryError
from tlkit.inference.contract import ModelContract
from tlkit.inference.saving import write_model
from tlkit.training.run_dir._lock import locked
from tlkit.training.run_dir.encoding import differences, upgraded
from tlkit.training.run_dir.engines_used import EngineNotes
from tlkit.training.run_dir.files import write_record, written
from tlkit.training.run_dir.stage_files import StageFiles

# Settings that say where things lie on this machine: kept to make the trainer again, not compared.
PLACES = "places"
# File systems allow 255 bytes for a name.
_LONGEST_NAME = 100
SETTINGS = Record("tlkit settings", 1)


class RunDirectory:
    """The files of one training.

    ::

        settings.json            what is trained on what
        engines.json             which engine ran what
        run.lock                 while a process trains: which
        stages/01-NAME/
          checkpoint.npz         state after its last epoch, until the next stage begins
          weights.weights.h5     whole model, once the stage is finished
          result.json            its history, timings and notes, once it is finished
          curve.json             the learning-rate search, if there was one
          sweep.npz              how far that is, while it goes on
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
            if not file.is_file():
                return None
            # Runs of before it had float32 trunks.
            return {"trunk_precision": "float32", **upgraded(SETTINGS.read(file))}
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
            self.rewrite(settings)
            return
        if not resume:
            self.check_new()
        lines = list(differences(compared(known), compared(settings)))
        if lines:
            listed = "\n".join(f"  {line}" for line in lines)
            raise RunDirectoryError(
                f"The run in {self.root} cannot be resumed, since these differ from it:\n{listed}\n"
                f"Restore them, or give another run_dir.{self._way_on()}"
            )

    def check_new(self) -> None:
        """Raise where a run was begun here.

        Raises:
            RunDirectoryError: It was, or its settings cannot be read.
        """
        if self.settings() is not None:
            raise RunDirectoryError(
                f"{self.root} already holds a run. Pass resume=True to go on with it, or give "
                "another run_dir."
            )

    def rewrite(self, settings: Mapping[str, object]) -> None:
        """Write the settings of the run, in the place of others where there are any."""
        write_record(SETTINGS, self.root / "settings.json", settings)

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


def compared(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings in which two runs may not differ."""
    return {name: value for name, value in settings.items() if name != PLACES}


def _unusable(root: Path, reason: object) -> RunDirectoryError:
    return RunDirectoryError(
        f"The run directory {root} cannot be used: {reason}. Give another run_dir."
    )
