"""What was known before training, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tlkit.data.dataset import ImageDataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import EvaluationError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.plots.canvas import axes_or_new
from tlkit.probing.curve import ClassOutlook, LearningCurve
from tlkit.probing.ranked import RankedBackbone
from tlkit.probing.ranking import Ranking
from tlkit.probing.result import Probe
from tlkit.probing.suspects import Suspects
from tlkit.reporting._pictures import Picture, drawn
from tlkit.reporting._probes import BesideModel, Scored, beside_model, by_name, scored
from tlkit.reporting._suspects import SuspectsShown, found_in, suspects_shown

Finding: TypeAlias = Probe | Ranking | LearningCurve | Suspects | ImageDataset
"""What was found before training, or the pictures in which it was."""
BeforeLike: TypeAlias = Finding | Sequence[Finding]

_CURVE_SIZE = (5.6, 3.8)  # inches
_CLASSES = 5


@dataclass(frozen=True)
class Findings:
    """What was found before training, by its kind.

    Args:
        probes: Of backbones.
        rankings: Of backbones.
        curves: Of F1 by the number of pictures.
        suspects: Pictures to look at, each with the data set that they are in, where it was given.
    """

    probes: tuple[Probe, ...]
    rankings: tuple[Ranking, ...]
    curves: tuple[LearningCurve, ...]
    suspects: tuple[tuple[Suspects, ImageDataset | None], ...]

    def __bool__(self) -> bool:
        return any((self.probes, self.rankings, self.curves, self.suspects))


@dataclass(frozen=True)
class RankingShown:
    """A ranking.

    Args:
        ranking: All of it.
        picture: Quality against time.
    """

    ranking: Ranking
    picture: Picture

    def letters(self, row: RankedBackbone) -> str:
        """Return the groups of a backbone; those that share one cannot be told apart."""
        known = self.ranking.comparison
        groups = () if known is None else known.groups
        return "".join(chr(ord("a") + n) for n, group in enumerate(groups) if row.name in group)


@dataclass(frozen=True)
class CurveShown:
    """A learning curve.

    Args:
        curve: All of it.
        picture: Weighted F1 by the number of pictures.
    """

    curve: LearningCurve
    picture: Picture

    @property
    def classes(self) -> tuple[ClassOutlook, ...]:
        """Those that would gain most from more pictures."""
        return tuple(each for each in self.curve.classes[:_CLASSES] if each.gain > 0)


@dataclass(frozen=True)
class Before:
    """What was known before training.

    Args:
        probes: Figures of pictures out of their folds.
        beside: The trained model beside them; None where no model was evaluated.
        rankings: Of backbones.
        curves: What more pictures would bring.
        suspects: Pictures to look at.
    """

    probes: tuple[Scored, ...]
    beside: BesideModel | None
    rankings: tuple[RankingShown, ...]
    curves: tuple[CurveShown, ...]
    suspects: tuple[SuspectsShown, ...]


def findings(given: BeforeLike, dataset: LabelledImages | None) -> Findings:
    """Return what was found before training by its kind.

    Args:
        given: One or several of them.
        dataset: Of the page; suspects may have been found in it.

    Raises:
        EvaluationError: Something else is among them, or the data set of suspects is another.
    """
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    kinds = (Probe, Ranking, LearningCurve, Suspects, ImageDataset)
    for item in items:
        if not isinstance(item, kinds):
            raise EvaluationError(
                f"before holds {type(item).__name__}; expected what tlkit.probe, "
                "tlkit.rank_backbones, tlkit.learning_curve and tlkit.suspects return, and the "
                "ImageDataset that suspects were found in."
            )
    pictures = [item for item in items if isinstance(item, ImageDataset)]
    suspects = [item for item in items if isinstance(item, Suspects)]
    # That of the page is asked too, and need not be theirs.
    own = [dataset] if isinstance(dataset, ImageDataset) else []
    return Findings(
        tuple(item for item in items if isinstance(item, Probe)),
        tuple(item for item in items if isinstance(item, Ranking)),
        tuple(item for item in items if isinstance(item, LearningCurve)),
        tuple((found, _pictures(found, pictures, own)) for found in suspects),
    )


def _pictures(
    found: Suspects, given: Sequence[ImageDataset], own: Sequence[ImageDataset]
) -> ImageDataset | None:
    """Return the data set of suspects: one that was given for it, or that of the page."""
    data = next((each for each in (*given, *own) if found_in(found, each)), None)
    if data is None and given:
        raise EvaluationError(
            f"before holds suspects among {found.images:,} images, and of the data sets in it, of "
            f"{', '.join(f'{len(each):,}' for each in given)} images, none has them at their "
            "positions. Give the ImageDataset that the probe was made with."
        )
    return data


def before_training(
    found: Findings,
    evaluated: tuple[str, AnyEvaluation] | None,
    dataset: LabelledImages | None,
) -> Before | None:
    """Return what was known before training; None where nothing was.

    Args:
        found: What is known.
        evaluated: The evaluation that the page looks at closely, with the model's name.
        dataset: Its images.
    """
    if not found:
        return None
    probes = by_name(found.probes)
    beside = None
    if probes and evaluated is not None:
        beside = beside_model(probes, *evaluated, dataset)
    return Before(
        tuple(scored(name, probe.evaluation) for name, probe in probes.items()),
        beside,
        tuple(RankingShown(each, _ranking(each)) for each in found.rankings),
        tuple(CurveShown(each, _curve(each)) for each in found.curves),
        tuple(suspects_shown(each, data) for each, data in found.suspects),
    )


def _ranking(ranking: Ranking) -> Picture:
    front = (f"{row.name} ({row.estimate:.3f}, {row.cost.ms:.1f} ms)" for row in ranking.front)
    alt = f"Weighted F1 of probes by the time for a picture; the front is {', '.join(front)}"
    return drawn(ranking.plot(), alt)


def _curve(curve: LearningCurve) -> Picture:
    means = curve.scores.mean(axis=1)
    ends = (f"{means[n]:.3f} from {curve.sizes[n]:,}" for n in (0, -1))
    alt = f"Weighted F1 by the number of images to learn from: {' to '.join(ends)}"
    return drawn(curve.plot(axes_or_new(None, _CURVE_SIZE)), alt)
