"""Members and what was made of them, run over the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tlkit._progress import Reporter
from tlkit.combining._images import RememberedImages
from tlkit.combining.gain import GainOverBest
from tlkit.combining.members import Member
from tlkit.data.class_names import shown_names
from tlkit.data.expected import require_dataset
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import CombiningError
from tlkit.evaluation.comparing.compare import compare
from tlkit.evaluation.evaluating import AnyEvaluation, evaluate


class Judge:
    """Scores models on validation images, and says what one adds on test images.

    Args:
        validation: On which members are chosen.
        test: On which what they add is told; None for the validation images.
        metric: By which; see `tlkit.compare`.
        reporter: Shows how far it is.
        models: How many will be scored on the validation images.
    """

    def __init__(
        self,
        validation: LabelledImages,
        test: LabelledImages | None,
        metric: str,
        reporter: Reporter,
        models: int,
    ) -> None:
        self._validation = RememberedImages(validation)
        self._test = None if test is None else RememberedImages(test)
        self.metric = metric
        self._reporter, self._done = reporter, 0
        self._total = models + (2 if test is not None else 0)

    def found(self, model: Member) -> AnyEvaluation:
        """Return a model's evaluation of the validation images.

        Raises:
            EvaluationError: There is no metric of that name, or they do not fit together.
        """
        return self._evaluated(model, self._validation)

    def better(self, one: AnyEvaluation, other: AnyEvaluation) -> bool:
        """Return whether one has a better score than the other."""
        return self._worth(one) > self._worth(other)

    def ranked(self, found: Mapping[str, AnyEvaluation]) -> list[str]:
        """Return names, best score first; of equals, the first."""
        return sorted(found, key=lambda name: -self._worth(found[name]))

    def gain(
        self, made: Member, members: Sequence[Member], found: Mapping[str, AnyEvaluation]
    ) -> GainOverBest:
        """Say what a model adds over the best of its members.

        Args:
            made: The model.
            members: Of which it was made.
            found: Evaluations of all on the validation images.
        """
        best = self.ranked({member.name: found[member.name] for member in members})[0]
        member = next(each for each in members if each.name == best)
        pair = {made.name: found[made.name], best: found[best]}
        if self._test is not None:
            pair = {each.name: self._evaluated(each, self._test) for each in (made, member)}
        scores = {name: each.score(self.metric) for name, each in found.items()}
        compared = compare(pair, self.metric)
        is_loss = pair[best].is_loss(self.metric)
        return GainOverBest(made.name, best, scores, compared, self._test is not None, is_loss)

    def notes(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return what there is to say on the validation images of some classes."""
        counts = self._validation.class_counts
        lacking = [name for name in classes if not counts.get(name)]
        if not lacking:
            return ()
        return (
            f"The validation images have no image of {len(lacking)} of {len(classes)} classes, and "
            f"say nothing of them: {shown_names(lacking)}.",
        )

    def _evaluated(self, model: Member, images: RememberedImages) -> AnyEvaluation:
        found: AnyEvaluation = evaluate(model, images)
        found.is_loss(self.metric)  # a wrong name is told after the first model
        self._done += 1
        self._reporter.step("models looked at", self._done, self._total)
        return found

    def _worth(self, found: AnyEvaluation) -> float:
        score = found.score(self.metric)
        return -score if found.is_loss(self.metric) else score


def check_sets(validation: LabelledImages | None, test: LabelledImages | None) -> None:
    """Raise where images are no data sets, or test images are not other ones.

    Raises:
        CombiningError: They are the same, or there are test images and none for validation.
        DataError: One is no data set.
    """
    for name, images in (("validation", validation), ("test", test)):
        if images is not None:
            require_dataset(images, name)
    if test is not None and validation is None:
        raise CombiningError(
            "test= was given without validation=, on which the best single model is chosen that "
            "is compared with. Give both: train, validation, test = data.split(0.2, test=0.2)."
        )
    if test is not None and test is validation:
        raise CombiningError(
            "test= and validation= are the same images: those that chose the best model cannot "
            "say how good it is. Give other ones as test=, or none."
        )
