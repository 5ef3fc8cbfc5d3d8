"""A model that was named on the command line: a file, or what a run ended with."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlkit.command._machine import require_keras
from tlkit.errors import EvaluationError, RunDirectoryError

if TYPE_CHECKING:
    from tlkit._keras.types import Model
    from tlkit._task import Task
    from tlkit.data.decoding.fitting import Fit
    from tlkit.inference.contract import ModelContract
    from tlkit.training.run_dir.recorded_run import RecordedSettings


@dataclass(frozen=True)
class KnownModel:
    """A model with what is known of it.

    Args:
        model: The keras.Model.
        class_names: What its columns are of, in order; None where nobody knows.
        run: What the run was asked for that it is of; None for a file.
        contract: What travels with the file; None where nothing does.
    """

    model: Model
    class_names: tuple[str, ...] | None
    run: RecordedSettings | None = None
    contract: ModelContract | None = None

    @property
    def task(self) -> Task | None:
        """What it tells of a picture; None where nobody knows."""
        return None if self.contract is None else self.contract.task

    @property
    def fit(self) -> Fit:
        """How its pictures come to its size."""
        return "squash" if self.contract is None else self.contract.fit

    @property
    def depth(self) -> int | None:
        """At which depth its pictures of more than 8 bits are read; None where it saw none."""
        return None if self.contract is None else self.contract.depth

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """From which probability on a picture is given each label; None for 0.5."""
        return None if self.contract is None else self.contract.thresholds


def model_at(path: Path, class_names: Sequence[str] | None = None) -> KnownModel:
    """Read a model.

    Args:
        path: A ``.keras`` file, or a run directory.
        class_names: What its columns are of, in order, where it does not know that itself.

    Raises:
        EvaluationError: There is no model, it cannot be read, or it knows other classes.
        RunDirectoryError: The folder holds no run, or none that is finished.
        DataError: ``class_names`` cannot be class names.
    """
    if not path.exists():
        raise EvaluationError(
            f"There is no file or folder {path}. Give a .keras file, or a run directory, such as "
            "tlkit-run, that `tlkit train` has written."
        )
    from tlkit.data.labels import check_class_names
    from tlkit.training.run_dir.recorded_run import read_run
    from tlkit.training.run_dir.saved_names import names_of_file

    given = None if class_names is None else check_class_names(list(class_names))
    if path.is_dir():
        run = read_run(path)
        if run.model is None:
            raise RunDirectoryError(
                f"The run in {path} is not finished, so there is no model yet. Go on with it: the "
                "command line that began it, with --resume."
            )
        names = _agreed(path, run.settings.train.class_names, given)
        return KnownModel(_loaded(run.model), names, run.settings, _contract(run.model))
    model = _loaded(path)
    return KnownModel(model, _agreed(path, names_of_file(path), given), contract=_contract(path))


def _contract(file: Path) -> ModelContract | None:
    from tlkit.inference.contract import read_contract

    return read_contract(file) if zipfile.is_zipfile(file) else None


def _agreed(
    path: Path, known: tuple[str, ...] | None, given: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    if known is not None and given not in (None, known):
        raise EvaluationError(
            f"{path} knows its classes: {', '.join(known)}. --class-names gave others, or another "
            f"order: {', '.join(given or ())}. Leave the option out."
        )
    return known or given


def _loaded(file: Path) -> Model:
    require_keras()
    from tlkit._keras.model_files import read_model

    way_out = "Give a .keras file that keras.saving.load_model reads, or a run directory."
    return read_model(file, EvaluationError, way_out)
