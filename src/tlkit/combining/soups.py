"""Soups: one model whose weights are the mean of several models' weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlkit._printing import counted, one_line
from tlkit._progress import reporter_for
from tlkit.combining._averages import Averages
from tlkit.combining._judge import Judge, check_sets
from tlkit.combining.architecture import require_one_architecture
from tlkit.combining.combined import Combined
from tlkit.combining.members import Member, Several, joint_contract, members_of
from tlkit.data.expected import require_dataset
from tlkit.data.fits import require_same_reading
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import CombiningError
from tlkit.evaluation.evaluating import AnyEvaluation

_NAME = "soup"


@dataclass(frozen=True, eq=False, repr=False)
class Soup(Combined):
    """A model whose weights are the mean of those of several; see `tlkit.soup`.

    Args:
        ingredients: Names of the models whose weights are in the mean, in the order in which they
            were added.
        greedy: Whether the validation images chose them.
    """

    ingredients: tuple[str, ...] = ()
    greedy: bool = True

    @property
    def headline(self) -> str:
        """What it was made of, for people."""
        kind = "Greedy soup" if self.greedy else "Uniform soup"
        names = ", ".join(self.ingredients)
        if len(self.ingredients) == 1:
            return f"{kind} of {names} alone: none of the other {len(self.members) - 1} helped"
        return f"{kind} of {len(self.ingredients)} of {len(self.members)} models: {names}"

    def __repr__(self) -> str:
        told = f"{len(self.ingredients)} of {counted(len(self.members), 'model')}"
        gain = "" if self.gain is None else f", {self.gain!r}"
        return one_line(f"Soup({told}{gain})")


def soup(
    models: Several,
    validation: LabelledImages | None = None,
    *,
    greedy: bool = True,
    train: LabelledImages | None = None,
    test: LabelledImages | None = None,
    metric: str = "weighted_f1",
    verbose: int = 1,
) -> Soup:
    """Average the weights of models of one architecture that were trained from one start.

    The result costs at prediction what one of them costs. Models that went different ways from one
    start, by other seeds, other settings or more epochs, often lie in one basin of the loss, and
    their mean further inside than each. From different starts, as heads with hidden layers have at
    different seeds, they do not, and the mean is no good: the uniform soup says so, and the greedy
    one leaves them out. Source: M. Wortsman et al., "Model soups", ICML 2022,
    https://arxiv.org/abs/2203.05482.

    The mean of a probe and of what was fine-tuned from it is one, too (M. Wortsman et al., "Robust
    fine-tuning of zero-shot models", CVPR 2022, https://arxiv.org/abs/2109.01903, who weigh both by
    a half). A uniform soup of snapshots of a stage with a constant rate and ``keep_best=None`` is
    stochastic weight averaging (P. Izmailov et al., 2018, https://arxiv.org/abs/1803.05407).

    What was frozen in all models stays, bit for bit. Where statistics of BatchNormalization differ,
    as after ``batch_norm="train"``, they are re-estimated for each mean from the ``train`` images,
    as they are not the mean of the statistics; without ``train`` they are averaged, and a note says
    so.

    Args:
        models: Two or more, by name or in a list: what trainings returned, ``result.after(n)``,
            probes, ``.keras`` files, run directories, or a `tlkit.Predictor` of a keras.Model.
        validation: Images that none was trained on: they choose the members of a greedy soup and
            the best single model.
        greedy: Take in a model only where the mean with it is not worse on the validation images,
            beginning with the best and going on in their order; so the soup is never worse there
            than the best model. False averages all.
        train: Training images, where statistics are to be re-estimated.
        test: Images that chose nothing, on which the gain is told.
        metric: What is compared, as for `tlkit.compare`.
        verbose: 0 shows nothing, 1 a progress bar.

    Returns:
        The soup; ``print`` says what it adds over the best single model, ``soup.gain`` holds it.

    Raises:
        CombiningError: Fewer than two models, the same model twice, other classes or another order
            of them, other layers or sizes, weights that are not finite; a greedy soup without
            validation images, or the same images for test.
        PredictionError: One is no model, or does not know its classes.
        EvaluationError: The images do not fit the models, or there is no such metric.

    Example:
        >>> import tlkit, tlkit.testing
        >>> stage = tlkit.Stage("head", epochs=2, learning_rate=0.01, snapshots=(1,))
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[stage])
        >>> train, validation = tlkit.testing.tiny_dataset().split(0.25)
        >>> result = trainer.fit(train, verbose=0)
        >>> tlkit.soup([result, result.after(1)], greedy=False).ingredients
        ('model 1', 'model 2')
    """
    if greedy and validation is None:
        raise CombiningError(
            "a greedy soup needs validation images, which choose its members. Give validation=, "
            "or greedy=False for the mean of all."
        )
    check_sets(validation, test)
    if train is not None:
        require_dataset(train, "train")
    members = members_of(models, _NAME)
    require_one_architecture(members)
    if train is not None:
        require_same_reading(members[0], train)
    averages = Averages(members, train)
    contract, notes = joint_contract(members)
    notes = (*notes, *_notes_on_statistics(averages, train))
    names = tuple(member.name for member in members)
    if validation is None:
        return Soup(averages.of(names), contract, names, None, notes, names, greedy)
    tried = len(members) - 1 if greedy else 1
    judge = Judge(validation, test, metric, reporter_for(verbose), len(members) + tried)
    made = Member(_NAME, averages.model, contract)
    found = {member.name: judge.found(member) for member in members}
    if greedy:
        chosen, reached = _greedy(averages, judge, made, found)
    else:
        chosen, reached = names, _tried(averages, judge, made, names)
    averages.of(chosen)
    gain = judge.gain(made, members, {**found, _NAME: reached})
    notes = (*notes, *judge.notes(contract.class_names))
    return Soup(made.model, contract, names, gain, notes, chosen, greedy)


def _greedy(
    averages: Averages, judge: Judge, made: Member, found: Mapping[str, AnyEvaluation]
) -> tuple[tuple[str, ...], AnyEvaluation]:
    """Return the ingredients of a greedy soup, the best member first, and its evaluation."""
    best, *others = judge.ranked(found)
    chosen: tuple[str, ...] = (best,)
    reached = found[best]
    for name in others:
        tried = _tried(averages, judge, made, (*chosen, name))
        if not judge.better(reached, tried):
            chosen, reached = (*chosen, name), tried
    return chosen, reached


def _tried(averages: Averages, judge: Judge, made: Member, names: Sequence[str]) -> AnyEvaluation:
    averages.of(names)
    return judge.found(made)


def _notes_on_statistics(averages: Averages, train: LabelledImages | None) -> tuple[str, ...]:
    if not averages.differing:
        return ()
    layers = counted(len(averages.differing), "BatchNormalization layer")
    if train is not None:
        return (f"Statistics of {layers} were re-estimated from {len(train)} training images.",)
    return (
        f"Statistics of {layers} differ between the models and were averaged, which is not what "
        "the averaged weights give: train= re-estimates them from the training images.",
    )
