"""The table of a search on disk: each training is written when it is done, and read once more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlkit._disk.records import Record
from tlkit.errors import EvaluationError, RunDirectoryError
from tlkit.evaluation.evaluation import Evaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation
from tlkit.training.run_dir.files import write_record
from tlkit.training.tuning.trial import TrialRound

ROUND = Record("tlkit tuning round", 1)


@dataclass(eq=False)
class Table:
    """What each trial did in each round.

    ::

        settings.json           what is tried on what
        rounds/003-1.json       what the third trial did in the first round
        rounds/003-1.npz        its probabilities
        trials/003/             its latest training, a run directory, as long as it may go on

    Args:
        root: The folder.
        several: Whether an image may have several labels.
    """

    root: Path
    several: bool
    _known: dict[tuple[int, int], TrialRound] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for file in sorted((self.root / "rounds").glob("*.json")):
            trial, number = (int(part) for part in file.stem.split("-"))
            self._known[trial - 1, number - 1] = self._read(file)

    @property
    def seconds(self) -> float:
        """That all of it took."""
        return sum(each.seconds for each in self._known.values())

    def get(self, trial: int, number: int) -> TrialRound | None:
        """Return what a trial did in a round; None where it has not run it.

        Args:
            trial: Its number, from 0.
            number: Of the round, from 0.
        """
        return self._known.get((trial, number))

    def rounds(self, trial: int) -> tuple[TrialRound, ...]:
        """Return what a trial did, round by round."""
        return tuple(self._known[key] for key in sorted(self._known) if key[0] == trial)

    def note(self, trial: int, number: int, done: TrialRound) -> None:
        """Keep what a trial did in a round.

        Raises:
            RunDirectoryError: It cannot be written.
        """
        file = self._file(trial, number)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            if done.evaluation is not None:
                done.evaluation.save(file.with_suffix(".npz"))
        except (OSError, EvaluationError) as error:
            raise RunDirectoryError(f"{file} cannot be written: {error}") from error
        told = {"epochs": done.epochs, "seconds": done.seconds, "error": done.error}
        write_record(ROUND, file, told)
        self._known[trial, number] = done

    def folder(self, trial: int) -> Path:
        """Return where the latest training of a trial is kept."""
        return self.root / "trials" / f"{trial + 1:03d}"

    def clear(self, trial: int) -> None:
        """Remove the training of a trial that does not go on."""
        shutil.rmtree(self.folder(trial), ignore_errors=True)

    def _file(self, trial: int, number: int) -> Path:
        return self.root / "rounds" / f"{trial + 1:03d}-{number + 1}.json"

    def _read(self, file: Path) -> TrialRound:
        kind = MultiLabelEvaluation if self.several else Evaluation
        try:
            told: dict[str, Any] = ROUND.read(file)
            found = None if told["error"] else kind.load(file.with_suffix(".npz"))
            return TrialRound(told["epochs"], told["seconds"], found, told["error"])
        except (OSError, ValueError, KeyError, EvaluationError) as error:
            raise RunDirectoryError(
                f"{file} cannot be read: {error}. Delete it, and resume=True trains that trial "
                "again."
            ) from error
