"""The files of one stage in a run directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tlkit._disk.digests import file_digest
from tlkit._disk.records import Record
from tlkit._disk.seals import seal
from tlkit._keras.types import Model
from tlkit.errors import LearningRateError, RunDirectoryError
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training.result import Snapshot
from tlkit.training.run_dir.files import write_record, written
from tlkit.training.stage_result import StageResult

RESULT = Record("tlkit stage result", 1)


class StageFiles:
    """The files of one stage.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint = folder / "checkpoint.npz"
        self.weights = folder / "weights.weights.h5"
        self.curve = folder / "curve.json"
        self.sweep = folder / "sweep.npz"
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
                f"The finished stage in {self.folder} is damaged: {error}. Delete this folder, "
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

    def keep_curve(self, curve: LRCurve) -> None:
        """Keep what a search has measured, in the place of how far it was."""
        curve.save(self.curve)
        self.sweep.unlink(missing_ok=True)

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

    @property
    def begun(self) -> bool:
        """Whether anything is kept of the stage."""
        return any(
            file.is_file() for file in (self.checkpoint, self.sweep, self.curve, self._result)
        )

    def reopen(self) -> None:
        """Let a finished stage go on from its checkpoint."""
        self._result.unlink(missing_ok=True)

    def close(self) -> None:
        """Give up the checkpoint of a finished stage, which cannot be made longer any more."""
        if self._result.is_file():
            self.checkpoint.unlink(missing_ok=True)

    def _checksums(self) -> dict[str, str]:
        """Return the SHA-256 of the files that belong to the result."""
        files = (self.weights, self.curve, self._snapshots)
        return {file.name: file_digest(file) for file in files if file.is_file()}
