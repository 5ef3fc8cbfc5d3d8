"""Candidates against each other, on more and more pictures, until one is clearly behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tlkit._printing import counted
from tlkit._progress import Reporter
from tlkit.errors import BackboneError, EngineError, TlkitError
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.evaluation import Evaluation
from tlkit.probing._contestant import Contestant
from tlkit.probing._rounds import Round
from tlkit.probing.candidate import Candidate
from tlkit.probing.ranked import Cost, RankedBackbone, Unranked
from tlkit.probing.ranking import Ranking

# A candidate goes out where equals would differ by so much in one of a thousand rounds.
CLEARLY = 0.999
_RESAMPLES = 4000

Build = Callable[[str], Contestant]


@dataclass(eq=False)
class _Runner:
    """A candidate in the race.

    Args:
        name: What it is called.
        candidate: Its settings.
        cost: Of its network.
        evaluations: Of the rounds that it has run.
        behind: Where it went out.
    """

    name: str
    candidate: Candidate
    cost: Cost
    evaluations: list[Evaluation]
    behind: PairResult | None = None

    @property
    def last(self) -> Evaluation:
        """Of the last round that it has run."""
        return self.evaluations[-1]

    @property
    def f1(self) -> float:
        """In the last round that it has run."""
        return self.last.weighted_f1

    def row(self, complete: Mapping[str, float]) -> RankedBackbone:
        """Return what is known of it.

        Args:
            complete: Weighted F1 of those that saw all pictures, by name.
        """
        estimate, behind = self.f1, self.behind
        if behind is not None and behind.better in complete:
            estimate = complete[behind.better] - behind.difference
        return RankedBackbone(self.name, self.candidate, self.last, self.cost, estimate, behind)


@dataclass(eq=False)
class Race:
    """A race of candidates.

    First all run on the pictures of the first round. Then, the best of them first, each runs on
    round by round, until all pictures are in, or it is clearly behind the best so far.

    Args:
        rounds: The pictures of each round, those of one in the next.
        build: Makes a candidate's network.
        reporter: Gets a line for each candidate.
        unranked: Who takes no part; those are added that turn out not to work.
    """

    rounds: Sequence[Round]
    build: Build
    reporter: Reporter
    unranked: list[Unranked]
    _runners: list[_Runner] = field(default_factory=list, init=False)
    _best: _Runner | None = field(default=None, init=False)

    def run(self, candidates: Mapping[str, Candidate]) -> None:
        """Run it; `ranking` gives what is known, also where it is stopped in the middle."""
        for name, candidate in candidates.items():
            with self._unless_it_cannot(name):
                self._enter(name, candidate)
        if len(self.rounds) == 1 or not self._runners:
            return
        order = sorted(self._runners, key=lambda runner: -runner.f1)
        self._best = order[0]
        for runner in order:
            self._compare(runner, 0)
        for runner in order:
            if runner.behind is None:
                with self._unless_it_cannot(runner.name):
                    self._run_on(runner)

    def ranking(self, notes: Sequence[str]) -> Ranking | None:
        """Return what is known so far; None where that is nothing."""
        if not self._runners:
            return None
        pictures = len(self.rounds[-1])
        complete = {each.name: each.f1 for each in self._runners if len(each.last) == pictures}
        rows = [each.row(complete) for each in self._runners]
        rows.sort(key=lambda row: (row.name not in complete, row.behind is not None, -row.estimate))
        return Ranking(tuple(rows), tuple(self.unranked), pictures, tuple(notes))

    def _enter(self, name: str, candidate: Candidate) -> None:
        contestant = self._built(name)
        evaluation = contestant.probed(self.rounds[0])
        cost = contestant.cost(self.rounds[0].data)
        self._runners.append(_Runner(name, candidate, cost, [evaluation]))
        self._tell(self._runners[-1])

    def _run_on(self, runner: _Runner) -> None:
        contestant = self._built(runner.name)
        for number, part in enumerate(self.rounds[1:], 1):
            runner.evaluations.append(contestant.probed(part))
            self._tell(runner)
            if part is not self.rounds[-1]:
                self._compare(runner, number)
            if runner.behind is not None:
                return
        best = self._best
        if best is None or len(best.last) < len(runner.last) or best.f1 < runner.f1:
            self._best = runner

    def _built(self, name: str) -> Contestant:
        try:
            return self.build(name)
        except TlkitError:
            raise
        except Exception as error:  # a builder of somebody's may raise anything
            raise BackboneError(f"its builder raised {type(error).__name__}: {error}") from error

    def _compare(self, runner: _Runner, number: int) -> None:
        """See whether a candidate is clearly behind the best so far in a round."""
        best = self._best
        if best is None or best is runner or len(best.evaluations) <= number:
            return
        named = {best.name: best.evaluations[number], runner.name: runner.evaluations[number]}
        (pair,) = compare(named, level=CLEARLY, resamples=_RESAMPLES).pairs
        if pair.claimed and pair.better == best.name:
            runner.behind = pair
            self.reporter.line(f"{runner.name}: out, {pair.sentence}")

    def _tell(self, runner: _Runner) -> None:
        told = f"weighted F1 {runner.f1:.4f} on {counted(len(runner.last), 'picture')}"
        self.reporter.line(f"{runner.name}: {told}")

    @contextmanager
    def _unless_it_cannot(self, name: str) -> Iterator[None]:
        """Go on without a candidate that cannot be built, or gives no features."""
        try:
            yield
        except (BackboneError, EngineError) as error:
            self.unranked.append(Unranked(name, str(error)))
            self._runners = [each for each in self._runners if each.name != name]
            if self._best is not None and self._best.name == name:
                self._best = None
            self.reporter.line(f"{name}: not ranked, {error}")
