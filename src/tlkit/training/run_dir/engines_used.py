"""Which engine gave a training what, so that it goes on with the same numbers, and how much.

``engine="auto"`` takes the fastest, and of two that are as fast now the one, now the other. They
differ by a rounding error, which is enough for a resumed run to end with other weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tlkit._disk.records import Record
from tlkit.errors import RunDirectoryError
from tlkit.training.run_dir.files import write_record
from tlkit.training.stage_result import FrozenWork

ENGINES = Record("tlkit engines used", 2)


@dataclass(frozen=True)
class Ran:
    """What went through the trunk of one phase of a stage.

    Args:
        stage: Name of the stage.
        role: ``"train"`` or ``"validation"``.
        trunk: Its fingerprint.
        first: The phase's first epoch, from 0.
        end: The epoch after its last.
        engine: Name of the engine that gave the features, now or earlier.
        once: How many images went through it before the phase was trained.
        each: How many go through it in every epoch.
        ms: Milliseconds for an image by the engine's name; empty where none were measured.
    """

    stage: str
    role: str
    trunk: str
    first: int
    end: int
    engine: str
    once: int = 0
    each: int = 0
    ms: Mapping[str, float] = field(default_factory=dict)

    def epochs(self, trained: int) -> int:
        """Return how many epochs of the phase are among the first of the stage."""
        return max(0, min(self.end, trained) - self.first)

    def passes(self, trained: int) -> int:
        """Return how many images went through, once the stage has trained so many epochs."""
        return self.once + self.each * self.epochs(trained)

    def after(self, earlier: Ran) -> Ran:
        """Return this with what was run for the same phase earlier."""
        return replace(self, once=earlier.once + self.once, ms=self.ms or earlier.ms)


class EngineNotes:
    """What each engine ran in a training.

    Args:
        file: Where that is kept, and read where it exists; None to keep it nowhere.

    Raises:
        RunDirectoryError: The file is damaged.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._ran: list[Ran] = []
        if file is None or not file.is_file():
            return
        try:
            self._ran = [Ran(**known) for known in ENGINES.read(file)["ran"]]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise RunDirectoryError(
                f"{file} is damaged: {error}. Delete it to go on; the frozen part may then be run "
                "by another engine than before, and the weights differ by its rounding."
            ) from error

    def unwritten(self) -> EngineNotes:
        """Return the same, which is kept nowhere whatever is added."""
        notes = EngineNotes()
        notes._ran = list(self._ran)
        return notes

    def get(self, stage: str, role: str, trunk: str) -> str:
        """Return the name of the engine, empty where there is none.

        Args:
            stage: Name of the stage.
            role: ``"train"`` or ``"validation"``.
            trunk: Its fingerprint.
        """
        wanted = (stage, role, trunk)
        names = [x.engine for x in self._ran if (x.stage, x.role, x.trunk) == wanted]
        return names[-1] if names else ""

    def note(self, ran: Ran) -> None:
        """Keep what an engine ran; one in whose place it comes cannot run that trunk any more.

        Raises:
            RunDirectoryError: The file cannot be written.
        """
        gone = self.get(ran.stage, ran.role, ran.trunk)
        noted = [
            replace(x, engine="") if x.trunk == ran.trunk and gone == x.engine != ran.engine else x
            for x in self._ran
        ]
        places = [n for n, x in enumerate(noted) if _phase(x) == _phase(ran)]
        if places:
            noted[places[0]] = ran.after(noted[places[0]])
        else:
            noted.append(ran)
        if noted == self._ran:
            return
        self._ran = noted
        if self._file is not None:
            write_record(ENGINES, self._file, {"ran": [asdict(x) for x in noted]})

    def work(self, stage: str, images: int, trained: int) -> FrozenWork | None:
        """Return what a stage has run of its frozen part; None where it has none.

        What was run before an interruption counts too.

        Args:
            stage: Its name.
            images: Of an epoch, training and validation.
            trained: Epochs that were trained.
        """
        ran = [x for x in self._ran if x.stage == stage]
        if not ran:
            return None
        phases = {x.first: x for x in ran if x.role == "train"}
        busy = [x for x in ran if x.engine and x.passes(trained)]
        most = max(busy, key=lambda x: (x.role == "train", x.passes(trained)), default=None)
        return FrozenWork(
            passes=sum(x.passes(trained) for x in ran),
            plain_passes=images * sum(x.epochs(trained) for x in phases.values()),
            engine=most.engine if most else "",
            ms=_speeds(ran, trained),
        )


def _phase(ran: Ran) -> tuple[str, str, str, int]:
    return ran.stage, ran.role, ran.trunk, ran.first


def _speeds(ran: Sequence[Ran], trained: int) -> dict[str, float]:
    """Return the speeds of engines over phases, whose trunks differ in depth.

    Keras's are weighted by the epochs of a phase, of which plain Keras would run all images, those
    of another engine by the images that it ran. One that was not measured for all is left out.
    """
    known: dict[str, dict[str, float]] = {}
    for x in ran:
        known[x.trunk] = {**known.get(x.trunk, {}), **x.ms}
    speeds = {}
    for name in sorted(set.intersection(*map(set, known.values()))):
        weights = [x.epochs(trained) if name == "keras" else x.passes(trained) for x in ran]
        if not sum(weights):
            weights = [1] * len(ran)
        total = sum(known[x.trunk][name] * weight for x, weight in zip(ran, weights, strict=True))
        speeds[name] = total / sum(weights)
    return speeds
