"""The search: round by round, the best go on, as long as there is time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tlkit._progress import Reporter
from tlkit.errors import CacheError, LossNotFiniteError, RunDirectoryError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.training.planning.duration import seconds_text
from tlkit.training.stacking._stackable import alone_because
from tlkit.training.trainer import StagedTrainer
from tlkit.training.tuning._halving import Rounds, going_on
from tlkit.training.tuning._maker import Maker
from tlkit.training.tuning._scoring import Scoring
from tlkit.training.tuning._space import Settings
from tlkit.training.tuning._table import Table
from tlkit.training.tuning.trial import Status, Trial, TrialRound


@dataclass(frozen=True)
class Clock:
    """How much of a time is used up.

    Args:
        begun: When this process began, by ``time.perf_counter``.
        before: Seconds that were used before.
        seconds: All that may be used; None for as long as it takes.
    """

    begun: float
    before: float
    seconds: float | None

    def allows(self, more: float, share: float = 1.0) -> bool:
        """Return whether so many seconds more end within a share of the time."""
        if self.seconds is None:
            return True
        used = self.before + time.perf_counter() - self.begun
        return used + more <= self.seconds * share


@dataclass(eq=False)
class Search:
    """A search over settings.

    Args:
        settings: Of each trial, in the order in which they are drawn.
        maker: Makes their trainers.
        scoring: Trains and scores.
        table: What each did, in this process and before.
        clock: How much time there is.
        metric: By which they are scored.
        smaller: Whether less of it is better.
        reporter: Gets a line for each training.
        defaults: Whether the first trial is that of `tlkit.fine_tune`.
    """

    settings: Sequence[Settings]
    maker: Maker
    scoring: Scoring
    table: Table
    clock: Clock
    metric: str
    smaller: bool
    reporter: Reporter
    defaults: bool
    _chosen: dict[int, int] = field(default_factory=dict, init=False)

    @property
    def rounds(self) -> Rounds:
        """How long trainings are."""
        return Rounds.of(len(self.settings))

    def run(self) -> None:
        """Run it; `trials` gives what is known, also where it is stopped in the middle."""
        alive = list(range(len(self.settings)))
        for number in range(self.rounds.count):
            self._chosen |= dict.fromkeys(alive, number)
            scores = self._round(number, alive)
            if not scores:
                return
            alive = going_on(scores)
            for trial in range(len(self.settings)):
                if trial not in alive:
                    self.table.clear(trial)

    def trials(self) -> tuple[Trial, ...]:
        """Return the trials, the best first: those that came furthest, by score."""
        made = [
            Trial(
                number + 1,
                settings,
                self._status(number),
                self.table.rounds(number),
                self.metric,
                is_default=self.defaults and not number,
            )
            for number, settings in enumerate(self.settings)
        ]
        return tuple(sorted(made, key=self._order))

    def trainer(self, trial: int, number: int, *, kept: bool = True) -> StagedTrainer:
        """Return the trainer of a trial in a round.

        Args:
            trial: Its number, from 0.
            number: Of the round, from 0.
            kept: Whether it has a folder.
        """
        settings = self.settings[trial]
        full = self.maker.trainer(settings).stages[-1].epochs
        epochs = self.rounds.epochs(full, number)
        return self.maker.trainer(settings, epochs, self.table.folder(trial) if kept else None)

    def _round(self, number: int, alive: Sequence[int]) -> dict[int, float]:
        """Run a round, the best first, and return the scores of those that ran it."""
        self._heads(number, alive)
        for trial in alive:
            if self.table.get(trial, number) is not None:
                continue
            if not self.clock.allows(self._expected(trial, number), self._share(number)):
                break
            self._note(trial, number, self._alone(trial, number))
        done = {trial: self.table.get(trial, number) for trial in alive}
        return {
            trial: self._signed(each.evaluation)
            for trial, each in done.items()
            if each is not None and each.evaluation is not None
        }

    def _share(self, number: int) -> float:
        """Return up to which share of the time a training may last.

        Each round has as much as any other; its first training may take what is left.
        """
        ran = any(self.table.get(other, number) for other in range(len(self.settings)))
        return (number + 1) / self.rounds.count if ran else 1.0

    def _expected(self, trial: int, number: int) -> float:
        """Return about how many seconds a training will take; 0 where nothing is known."""
        before = self.table.get(trial, number - 1) if number else None
        if before is not None:
            longer = self.trainer(trial, number, kept=False).stages[-1].epochs / before.epochs
            return before.seconds * longer
        ran = [self.table.get(other, number) for other in range(len(self.settings))]
        known = [each.seconds for each in ran if each is not None and not each.error]
        return sum(known) / len(known) if known else 0.0

    def _alone(self, trial: int, number: int) -> TrialRound:
        trainer = self.trainer(trial, number)
        epochs = trainer.stages[-1].epochs
        before = self.table.get(trial, number - 1) if number else None
        if before is not None and before.epochs == epochs:
            return TrialRound(epochs, 0.0, before.evaluation)
        earlier = self.trainer(trial, number - 1) if before is not None else None
        begun = time.perf_counter()
        try:
            found = self.scoring.alone(trainer, earlier)
        except (RunDirectoryError, CacheError):
            raise  # of no trial in particular, such as a full disk
        except Exception as error:  # noqa: BLE001  # settings that cannot be trained may raise anything
            reason = f"{type(error).__name__}: {error}"
            return TrialRound(epochs, time.perf_counter() - begun, error=reason)
        return TrialRound(epochs, time.perf_counter() - begun, found)

    def _heads(self, number: int, alive: Sequence[int]) -> None:
        """Train heads at once that can be, and leave the others to their turn."""
        new = [trial for trial in alive if self.table.get(trial, number) is None]
        made = {trial: self.trainer(trial, number, kept=False) for trial in new}
        heads = {trial: each for trial, each in made.items() if not alone_because(each.stages)}
        if len(heads) < 2 or not self.clock.allows(0.0):
            return
        begun = time.perf_counter()
        found = dict(self._together(heads))
        seconds = (time.perf_counter() - begun) / max(len(found), 1)
        for trial, evaluation in found.items():
            self._note(
                trial, number, TrialRound(made[trial].stages[-1].epochs, seconds, evaluation)
            )

    def _together(self, heads: Mapping[int, StagedTrainer]) -> Iterator[tuple[int, AnyEvaluation]]:
        try:
            yield from self.scoring.together(heads)
        except LossNotFiniteError:
            return  # of one of them: alone each tells

    def _note(self, trial: int, number: int, done: TrialRound) -> None:
        self.table.note(trial, number, done)
        told = f"trial {trial + 1} of {len(self.settings)}, round {number + 1}"
        if done.evaluation is None:
            self.reporter.line(f"{told}: failed, {done.error}")
            return
        score = f"{self.metric} {done.evaluation.score(self.metric):.4f}"
        self.reporter.line(f"{told}: {score} in {seconds_text(done.seconds)}")

    def _signed(self, found: AnyEvaluation) -> float:
        score = found.score(self.metric)
        return -score if self.smaller else score

    def _status(self, trial: int) -> Status:
        ran = self.table.rounds(trial)
        if not ran:
            return "not tried"
        if ran[-1].error:
            return "failed"
        if len(ran) == self.rounds.count:
            return "finished"
        return "stopped" if self._chosen.get(trial, 0) >= len(ran) else "out"

    def _order(self, trial: Trial) -> tuple[float, ...]:
        found = trial.evaluation
        score = float("nan") if found is None else self._signed(found)
        known = not math.isnan(score)
        failed = trial.status == "failed"
        return (failed, -len(trial.rounds), not known, -score if known else 0.0, trial.number)
