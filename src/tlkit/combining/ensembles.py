"""Ensembles: one model that averages the probabilities of several."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tlkit._printing import one_line
from tlkit._progress import reporter_for
from tlkit.combining._joined import joined, largest_size
from tlkit.combining._judge import Judge, check_sets
from tlkit.combining.architecture import shared_trunk
from tlkit.combining.combined import Combined
from tlkit.combining.members import Member, Several, joint_contract, members_of
from tlkit.data.labelled_images import LabelledImages

_NAME = "ensemble"


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble(Combined):
    """A model that averages the probabilities of several; see `tlkit.ensemble`.

    Args:
        shared: Name of the layer up to which all members compute the same, so that it is computed
            once; None where they share nothing.
    """

    shared: str | None = None

    @property
    def headline(self) -> str:
        """What it was made of, for people."""
        told = f"Ensemble of {len(self.members)} models: {', '.join(self.members)}"
        if self.shared is None:
            return f"{told}; each is run whole"
        return f"{told}; what lies below and with {self.shared!r} is run once for all"

    def __repr__(self) -> str:
        gain = "" if self.gain is None else f", {self.gain!r}"
        return one_line(f"Ensemble({len(self.members)} models{gain})")


def ensemble(
    models: Several,
    validation: LabelledImages | None = None,
    *,
    test: LabelledImages | None = None,
    metric: str = "weighted_f1",
    verbose: int = 1,
) -> Ensemble:
    """Make one model that averages the probabilities of several.

    It is one Keras model of stock layers and the members' own, which it shares with them. The part
    in which all members are the same, bit for bit, as a frozen trunk is, is run once for all, so
    that heads on one trunk cost little more than one; other members each cost their own. Unlike a
    soup's, members may be of any architecture and preprocessing. Classes are matched by name. The
    ensemble takes pictures of the largest member's size; members of other sizes get them resized
    inside, by the antialiased bilinear filter of ``keras.layers.Resizing``.

    Source: L. K. Hansen and P. Salamon, "Neural Network Ensembles", IEEE TPAMI 12, 1990; B.
    Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", NeurIPS 2017, https://arxiv.org/abs/1612.01474.

    Args:
        models: Two or more, by name or in a list: what trainings returned, soups, probes,
            ``.keras`` files, run directories, or a `tlkit.Predictor` of a keras.Model.
        validation: Images that none was trained on: they choose the best single model.
        test: Images that chose nothing, on which the gain is told.
        metric: What is compared, as for `tlkit.compare`.
        verbose: 0 shows nothing, 1 a progress bar.

    Returns:
        The ensemble; ``print`` says what it adds over the best single model, ``ensemble.gain``
        holds it.

    Raises:
        CombiningError: Fewer than two models, the same model twice, other classes, other tasks,
            pictures that are read in other ways or have another shape, weights that are not finite,
            or the same images for validation and test.
        PredictionError: One is no model, or does not know its classes.
        EvaluationError: The images do not fit the models, or there is no such metric.

    Example:
        >>> import tlkit, tlkit.testing
        >>> stage = tlkit.Stage("head", epochs=2, learning_rate=0.01, snapshots=(1,))
        >>> trainer = tlkit.StagedTrainer(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[stage])
        >>> result = trainer.fit(tlkit.testing.tiny_dataset(), verbose=0)
        >>> both = tlkit.ensemble([result, result.after(1)])
        >>> both.model.output_shape
        (None, 3)
    """
    check_sets(validation, test)
    members = members_of(models, _NAME)
    contract, notes = joint_contract(members)
    size, resized = largest_size(members)
    contract, notes = replace(contract, image_size=size), (*notes, *resized)
    shared = None if resized else shared_trunk(members)
    made = Member(_NAME, joined(members, size, shared), contract)
    names = tuple(member.name for member in members)
    if validation is None:
        return Ensemble(made.model, contract, names, None, notes, shared)
    judge = Judge(validation, test, metric, reporter_for(verbose), len(members) + 1)
    found = {member.name: judge.found(member) for member in (*members, made)}
    gain = judge.gain(made, members, found)
    return Ensemble(
        made.model, contract, names, gain, (*notes, *judge.notes(contract.class_names)), shared
    )
