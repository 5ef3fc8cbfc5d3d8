"""What a training takes over: its own epochs so far, and stages that another trial has finished."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from tlkit.errors import RunDirectoryError
from tlkit.learning_rate.rate import Rate
from tlkit.training.run_dir.encoding import encoded
from tlkit.training.run_dir.run_directory import RunDirectory
from tlkit.training.stage import Stage
from tlkit.training.trainer import StagedTrainer


def made_ready(trainer: StagedTrainer, before: StagedTrainer | None) -> None:
    """Leave in a trainer's folder only what its training goes on from.

    That is the same training, cut off, or the one of the round before it, where its last stage is
    the same but for the number of epochs, and its rates do not follow from that number.

    Args:
        trainer: With a ``run_dir``.
        before: Of the round before, in the same folder; None in the first.
    """
    root = trainer.run_dir
    assert root is not None
    begun = _begun(root)
    ways = [trainer.stages]
    if before is not None and _is_longer(before.stages, trainer.stages):
        ways.append(before.stages)
    if begun not in [json.loads(json.dumps(encoded(stages))) for stages in ways]:
        shutil.rmtree(root, ignore_errors=True)


def _begun(root: Path) -> object:
    """Return the stages of the run in a folder; None where there is none that can be read."""
    try:
        settings = RunDirectory(root).settings()
    except RunDirectoryError:
        return None
    return None if settings is None else settings.get("stages")


def _is_longer(before: Sequence[Stage], now: Sequence[Stage]) -> bool:
    last, grown = before[-1], now[-1]
    if len(before) != len(now) or Rate.of(grown.learning_rate).depends_on_length:
        return False
    if grown.snapshots or grown.epochs <= last.epochs or before[:-1] != now[:-1]:
        return False
    return replace(last, epochs=grown.epochs) == grown


@dataclass(eq=False)
class SharedStages:
    """Stages before the last one that trials have in common; each is trained once.

    Args:
        root: Where they are kept.
    """

    root: Path
    _kept: list[StagedTrainer] = field(default_factory=list, init=False)

    def give(self, trainer: StagedTrainer) -> None:
        """Put into a trainer's empty folder the stages that others have finished."""
        root = trainer.run_dir
        assert root is not None
        if root.exists():
            return
        number, common = max(
            ((place, self._common(known, trainer)) for place, known in enumerate(self._kept)),
            key=lambda found: len(found[1]),
            default=(0, ()),
        )
        for place, stage in enumerate(common, 1):
            source = RunDirectory(self.root / str(number)).stage(place, stage.name).folder
            shutil.copytree(source, RunDirectory(root).stage(place, stage.name).folder)

    def keep(self, trainer: StagedTrainer) -> None:
        """Keep what a finished training has before its last stage."""
        assert trainer.run_dir is not None
        before = trainer.stages[:-1]
        if not before or any(self._common(known, trainer) == before for known in self._kept):
            return
        own, kept = RunDirectory(trainer.run_dir), RunDirectory(self.root / str(len(self._kept)))
        for place, stage in enumerate(before, 1):
            shutil.copytree(
                own.stage(place, stage.name).folder, kept.stage(place, stage.name).folder
            )
        self._kept.append(trainer)

    def _common(self, known: StagedTrainer, trainer: StagedTrainer) -> tuple[Stage, ...]:
        parts = [(each.settings, each.head, each.start_from) for each in (known, trainer)]
        if parts[0] != parts[1]:
            return ()
        pairs = zip(known.stages[:-1], trainer.stages[:-1], strict=False)
        return tuple(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
