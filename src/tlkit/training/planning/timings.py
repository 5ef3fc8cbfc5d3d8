"""What plans have timed so far: the same is not timed twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tlkit._keras.layers import leaf_layers
from tlkit._keras.types import Model
from tlkit._printing import Printed, counted
from tlkit.training.planning._tail_cost import TailCost
from tlkit.training.planning._trunk_cost import ImageCost
from tlkit.training.planning.duration import Duration

# A step is never said to take less than this share of one that was timed with another trunk.
_LEAST = 0.1
# Of layers of the same kinds those that are so much larger or smaller take as much longer or less.
_ALIKE = 1.5


@dataclass(frozen=True)
class _Timed:
    """What was timed once.

    Args:
        like: All that its time depends on, but for the trunk.
        trunk: Fingerprint and engine of the trunk that ran in it; empty where none did.
        image: Seconds for an image through that trunk; None where that was not timed.
        cost: What it took.
        size: Of its layers, see ``size_of``; what has no other size is 1.
    """

    like: Any
    trunk: str
    image: Duration | None
    cost: Any
    size: float = 1.0


@dataclass(frozen=True)
class Through:
    """The trunk that images run through while something is timed.

    Args:
        trunk: Its fingerprint and engine; empty where there is none.
        image: Gives the seconds for an image through it; None where nothing asks for them.
    """

    trunk: str = ""
    image: Callable[[], Duration] | None = None


@dataclass(frozen=True, repr=False)
class PlanTimings(Printed):
    """What was timed for plans that are made one after the other on one machine.

    `StagedTrainer.plan` times a few batches of everything that a training does. Of several
    trainings, such as those of a study, most do the same: tails of the same layers at the same
    batch size, in another network or another stage. Plans that are given one object of this class
    time that once. Of layers of the same kinds in other sizes, up to one and a half times as large,
    the time is told by their sizes; what was timed with another trunk, by the difference of the
    two, of which each is timed by itself.

    It holds for this machine as busy as it is now: begin with a new one another time.

    Example:
        >>> import tlkit, tlkit.testing
        >>> timings = tlkit.PlanTimings()
        >>> for seed in (1, 2):
        ...     trainer = tlkit.StagedTrainer(
        ...         tlkit.testing.tiny_backbone(), weights=None, cache=False, seed=seed,
        ...         stages=[tlkit.Stage("head", epochs=2, learning_rate=0.01)])
        ...     plan = trainer.plan(tlkit.testing.tiny_dataset(), timings=timings, verbose=0)
        >>> timings.tails
        1
    """

    _tails: list[_Timed] = field(default_factory=list, init=False)
    _views: list[_Timed] = field(default_factory=list, init=False)

    @property
    def tails(self) -> int:
        """How many tails were timed."""
        return len(self._tails)

    def __repr__(self) -> str:
        return f"PlanTimings({counted(self.tails, 'tail')})"

    def tail(
        self,
        like: Any,
        through: Through,
        batch: int,
        size: float,
        will_do: Callable[[TailCost], bool],
        measured: Callable[[], TailCost],
    ) -> TailCost:
        """Return what a tail takes, which is measured where no tail like it was.

        Args:
            like: All that its time depends on, which need not have a hash.
            through: The trunk that its images run through in every step.
            batch: Images of a step.
            size: Of its layers, by ``size_of``.
            will_do: Whether what is known is exact enough.
            measured: Measures it.
        """
        for known in sorted(self._tails, key=lambda known: known.size != size):
            larger = size / known.size
            if not 1 / _ALIKE <= larger <= _ALIKE or not will_do(known.cost):
                continue
            ratio = _ratio(known, like, through, batch, lambda cost: cost.step.seconds)
            if ratio is not None:
                # Where images run through a trunk in every step, that is what takes the time.
                return _scaled(known.cost, ratio if through.trunk else larger)
        found = measured()
        image = through.image and through.image()
        self._tails.append(_Timed(like, through.trunk, image, found, size))
        return found

    def views(self, like: Any, through: Through, measured: Callable[[], ImageCost]) -> ImageCost:
        """Return what an augmented view takes through a trunk; see `tail`."""
        for known in self._views:
            ratio = _ratio(known, like, through, 1, lambda cost: cost.trunk.seconds)
            if ratio is not None:
                cost: ImageCost = known.cost
                return replace(cost, trunk=cost.trunk * ratio)
        found = measured()
        self._views.append(_Timed(like, through.trunk, through.image and through.image(), found))
        return found


def kinds_of(tail: Model) -> tuple[Any, ...]:
    """Return what kinds of layers a model has: not their names, sizes and weights."""
    return tuple(
        (type(x).__name__, str(getattr(x, "compute_dtype", "")), getattr(x, "strides", None),
         tuple((len(w.shape), w.trainable) for w in x.weights))
        for x in leaf_layers(tail)
    )  # fmt: skip


def size_of(tail: Model) -> float:
    """Return a number that the time of models of layers of the same kinds goes with."""
    sides: Any = tail.input_shape[1:-1]
    weights: list[Any] = [weight.shape for weight in tail.weights]
    places = math.prod(side or 1 for side in sides)
    return 1.0 + float(places * sum(map(math.prod, weights)))


def _scaled(cost: TailCost, ratio: float) -> TailCost:
    if ratio == 1:
        return cost
    return replace(cost, training=cost.training * ratio, step=cost.step * ratio)


def _ratio(
    known: _Timed, like: Any, through: Through, images: int, seconds: Callable[[Any], float]
) -> float | None:
    """Return how much longer it takes with another trunk; None where that cannot be told."""
    if known.like != like:
        return None
    if known.trunk == through.trunk:
        return 1.0
    if known.image is None or through.image is None or not (known.trunk and through.trunk):
        return None
    more = through.image().seconds - known.image.seconds
    return max(_LEAST, 1 + images * more / max(seconds(known.cost), 1e-9))
