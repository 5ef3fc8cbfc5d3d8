"""A run directory: settings, a folder for each stage, the model at the end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tlkit.errors import RunDirectoryError
from tlkit.learning_rate.curve import LRCurve
from tlkit.training.checkpoint import whole_file
from tlkit.training.result import StageResult


class RunDirectory:
    """The files of one training.

    ::

        settings.json            what is trained on what
        stages/01-NAME/
          checkpoint.npz         state after the last finished epoch, while the stage runs
          weights.weights.h5     whole model, once the stage is finished
          result.json            its history, timings and notes, once it is finished
          curve.json             the learning-rate search, if there was one
        model.keras              the trained model, at the end

    Args:
        root: The folder; made where it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def open(self, settings: dict[str, Any], *, resume: bool) -> None:
        """Write the settings, or compare them with those of the run that is to be resumed.

        Raises:
            RunDirectoryError: The folder cannot be written, holds a run although ``resume`` is
                False, or holds one with other settings or data; the message says what differs.
        """
        file = self.root / "settings.json"
        settings = json.loads(json.dumps(settings))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            known = json.loads(file.read_text("utf-8")) if file.is_file() else None
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                f"The run directory {self.root} cannot be used: {error}. Give another run_dir."
            ) from error
        if known is None:
            write_json(file, settings)
        elif not resume:
            raise RunDirectoryError(
                f"{self.root} already holds a run. Pass resume=True to go on with it, or give "
                "another run_dir."
            )
        elif known != settings:
            raise RunDirectoryError(
                f"The run in {self.root} cannot be resumed, since these differ from it:\n"
                f"{_differences(known, settings)}\nRestore them, or give another run_dir."
            )

    def stage(self, number: int, name: str) -> StageFiles:
        """Return the files of a stage; its number counts from 1."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "stage"
        return StageFiles(self.root / "stages" / f"{number:02d}-{safe}")

    def save_model(self, model: Any) -> None:
        """Write ``model.keras``, once: the model of a finished run does not change any more."""
        file = self.root / "model.keras"
        if not file.is_file():
            with whole_file(file) as part:
                model.save(part)


class StageFiles:
    """The files of one stage.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.checkpoint = folder / "checkpoint.npz"
        self.weights = folder / "weights.weights.h5"
        self.curve = folder / "curve.json"
        self._result = folder / "result.json"

    def finished(self) -> StageResult | None:
        """Return the result of a finished stage, or None."""
        if not self._result.is_file():
            return None
        return StageResult.from_json(json.loads(self._result.read_text("utf-8")))

    def searched(self, finder: Any) -> LRCurve | None:
        """Return the curve of the search, or None where there was none.

        Args:
            finder: The stage's learning rate; where it is a finder, its selector is given to the
                curve, as only tlkit's own selectors can be read from a file.
        """
        if not self.curve.is_file():
            return None
        return LRCurve.load(self.curve, selector=getattr(finder, "selector", None))

    def finish(self, model: Any, result: StageResult) -> None:
        """Write the weights, then the result that says the stage is finished."""
        with whole_file(self.weights) as part:
            model.save_weights(part)
        write_json(self._result, result.to_json())
        self.checkpoint.unlink(missing_ok=True)


def write_json(file: Path, data: Any) -> None:
    """Write readable JSON, whole or not at all.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    with whole_file(file) as part:
        part.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def _differences(known: dict[str, Any], given: dict[str, Any]) -> str:
    names = sorted({*known, *given})
    return "\n".join(
        f"  {name}: {known.get(name)!r} in the run, {given.get(name)!r} given"
        for name in names
        if known.get(name) != given.get(name)
    )
