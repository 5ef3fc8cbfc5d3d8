"""Which changes of images fit them, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tlkit._printing import Printed, counted, one_line
from tlkit._regression.standardized import Doubles
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.data.augmentation.transforms import Transform

Verdict = Literal["helps", "fits", "hurts", "foreign", "nothing"]

# By how much views may be predicted worse than the images, in nats: the geometric mean of the
# right class's probability is a tenth lower.
MARGIN = 0.1
# Below this, in nats, a change of loss matters to nobody, however sure it is.
NEGLIGIBLE = 0.005
_MEANING: dict[Verdict, str] = {
    "helps": "in: learned from, it lowers the loss",
    "fits": "in: known as well as the images, and does no harm",
    "hurts": "out: learned from, it raises the loss",
    "foreign": "out: not like these images",
    "nothing": "out: leaves these images as they are",
}


@dataclass(frozen=True)
class Change(Printed):
    """A mean change of log loss over images, in nats, with its interval of 95 %.

    Args:
        mean: Above 0 where the loss rises.
        low: Lower end, by Student's t of the paired differences.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, differences: Doubles) -> Change:
        """Return that of paired differences, one for each image; at least 2."""
        from scipy.stats import t

        mean = float(differences.mean())
        error = float(differences.std(ddof=1)) / np.sqrt(len(differences))
        half = float(t.ppf(0.975, len(differences) - 1) * error)
        return cls(mean, mean - half, mean + half)

    @property
    def rises(self) -> bool:
        """Whether the loss rises, surely and by an amount that matters."""
        return self.low > 0 and self.mean > NEGLIGIBLE

    @property
    def falls(self) -> bool:
        """Whether the loss falls, surely and by an amount that matters."""
        return self.high < 0 and self.mean < -NEGLIGIBLE

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True, repr=False)
class TransformTrial(Printed):
    """What one change of images did to a regression on features.

    Args:
        name: Which change.
        augmentation: It alone.
        seen: How much worse views of images are predicted than the images, by a regression that
            has learned from images as they are.
        learned: How much the loss on the images as they are rises where views are learned from,
            too.
        idle: Whether the views are the images: another saturation of pictures in grey, for example.
    """

    name: str
    augmentation: Transform
    seen: Change
    learned: Change
    idle: bool = False

    @property
    def verdict(self) -> Verdict:
        """``"helps"`` and ``"fits"`` go in, the others stay out."""
        if self.idle:
            return "nothing"
        if self.learned.rises:
            return "hurts"
        alike = self.seen.high < MARGIN
        if self.learned.falls and (alike or not self.mirrors):
            return "helps"
        return "fits" if alike else "foreign"

    @property
    def mirrors(self) -> bool:
        """Whether it is a flip: not a little of a change, but another picture.

        What images of this kind don't show stays out then, even where the regression profits from
        it: mirrored, a digit may be none or another one.
        """
        flips = isinstance(self.augmentation, Augmentation) and (
            self.augmentation.horizontal_flip or self.augmentation.vertical_flip
        )
        return bool(flips)

    @property
    def accepted(self) -> bool:
        """Whether the change is one to train with."""
        return self.verdict in ("helps", "fits")

    def __repr__(self) -> str:
        return one_line(f"TransformTrial({self.name!r}, {self.verdict}, learned={self.learned})")

    def __str__(self) -> str:
        return f"{self.name:<16}  {self.seen!s:<25}  {self.learned!s:<25}  {_MEANING[self.verdict]}"


@dataclass(frozen=True, repr=False)
class SuggestedAugmentation(Printed):
    """What `tlkit.suggest_augmentation` found.

    Args:
        augmentation: What to train with, as a `Stage` takes it: an `Augmentation`, a `ColorJitter`
            or both in a row; None where no change fits.
        trials: Of each change.
        combined: What all changes of ``augmentation`` together did; None where it is one or none.
        dropped: Accepted changes that were left out, since together with the others they hurt.
        loss: Mean held-out log loss on the images as they are, in nats.
        images: How many images were looked at.
        folds: How many.
    """

    augmentation: Transform | None
    trials: tuple[TransformTrial, ...]
    combined: Change | None
    dropped: tuple[str, ...]
    loss: float
    images: int
    folds: int

    @property
    def names(self) -> tuple[str, ...]:
        """The changes that ``augmentation`` makes, such as ``"horizontal flip"``."""
        kept = [trial.name for trial in self.trials if trial.accepted]
        return tuple(name for name in kept if name not in self.dropped)

    def __repr__(self) -> str:
        images = counted(self.images, "image")
        return one_line(f"SuggestedAugmentation({self.augmentation}, {images})", 190)

    def __str__(self) -> str:
        header = f"{'':<16}  {'loss on views':<25}  {'loss with views learned':<25}"
        lines = [
            f"Regressions on frozen features of {counted(self.images, 'image')}, {self.folds} "
            f"folds; log loss {self.loss:.3f} without augmentation",
            header.rstrip(),
            *map(str, self.trials),
        ]
        if self.combined is not None:
            lines.append(f"{'together':<16}  {'':<25}  {self.combined}")
        if self.dropped:
            lines.append(f"left out, since together they hurt: {', '.join(self.dropped)}")
        return "\n".join([*lines, f"augmentation={self.augmentation}"])
