"""What a freeze policy would train of a backbone, and where the model would be cut."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from tlkit._keras.describe import described
from tlkit._keras.layers import inner_layers, is_batch_norm, leaf_layers
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.errors import PolicyError
from tlkit.freezing.own_head import AnyHead, GivenHead, OwnHead, head_of
from tlkit.freezing.phase import Phase, prepare, selections
from tlkit.freezing.policy import Policy
from tlkit.freezing.policy_preview import LayerPreview, PhasePreview, PolicyPreview
from tlkit.freezing.whole_model import Parts, assemble

# Where nobody says how long a stage is, a policy that is still changing here is cut short.
EPOCHS = 100


def preview(
    policy: Policy,
    backbone: Any,
    *,
    epochs: int | None = None,
    head: GivenHead | None = None,
    classes: int | None = None,
    image_size: ImageSize | None = None,
) -> PolicyPreview:
    """Show what a policy would train of a backbone, without training anything.

    The layers and the cut are found by the code that trains, on a copy: the given model keeps its
    weights and its ``trainable`` flags.

    Args:
        policy: One of tlkit's, or any callable ``policy(layers, epoch) -> layers``.
        backbone: A keras.Model without its top, as of `build_backbone`; or what `StagedTrainer`
            takes, which is then built with random weights.
        epochs: How long the stage is, for a policy whose answer changes with the epoch; where None,
            100 epochs are looked at and the last answer is taken to stay.
        head: The head, as for `StagedTrainer`: with everything frozen, the cut lies in it.
        classes: How many there are, for the size of the head. A head of your own that has its
            number tells it itself.
        image_size: As for `build_backbone`, where ``backbone`` is not a model.

    Returns:
        The preview, to be printed, or read by its ``phases``.

    Raises:
        PolicyError: The policy does not fit the backbone, or the model cannot be copied.

    Example:
        >>> import tlkit, tlkit.testing
        >>> shown = tlkit.preview(tlkit.UnfreezeTop(layers=3), tlkit.testing.tiny_backbone())
        >>> shown.phases[0].trained_layers, shown.phases[0].cut.name
        (('top_conv',), 'block_add')
    """
    if epochs is not None and epochs < 1:
        raise PolicyError(f"epochs={epochs!r}, expected a whole number from 1, or None.")
    if classes is not None and classes < 2:
        raise PolicyError(f"classes={classes!r}, expected a whole number from 2, or None.")
    build, originals = _source(backbone)
    counted: Any = _Counted(head_of(head), classes)  # in the place of a head
    parts = assemble(
        build,
        counted,
        classes=2,
        image_size=image_size,
        weights=None,
        preprocessing="auto",
        seed=0,
    )
    asked = _OnCopies(policy, originals, parts.backbone) if originals else policy
    chosen = selections(asked, parts, epochs or EPOCHS)
    phases = [
        _phase(parts, first, end, prepare(parts, layers, policy)) for first, end, layers in chosen
    ]
    if epochs is None:
        phases[-1] = replace(phases[-1], last=None)
    return PolicyPreview(
        policy=described(policy),
        backbone=parts.model.name,
        layer_count=len(parts.backbone),
        parameters=sum(_size(layer.weights) for layer in parts.backbone),
        phases=tuple(phases),
        classes=counted.classes,
        head_parameters=sum(_size(layer.weights) for layer in parts.head),
    )


class _Counted:
    """A head for as many classes as are given, or as it tells itself; else for two.

    Args:
        head: The head.
        classes: How many there are, or None.
    """

    def __init__(self, head: AnyHead, classes: int | None) -> None:
        self._head, self.classes = head, classes

    def build(self, features: Any, _: int, **settings: Any) -> Any:
        """Return the probabilities, as `Head.build` does."""
        if self.classes is None and isinstance(self._head, OwnHead):
            self.classes = self._head.classes(features)
        return self._head.build(features, self.classes or 2, **settings)


def _source(backbone: Any) -> tuple[Backbone, tuple[Any, ...]]:
    """Return what builds the model to look at, and the layers that a policy is to be shown."""
    if not isinstance(backbone, keras.Model):
        return backbone, ()
    layers = tuple(leaf_layers(backbone))
    if any(layer.name == "probabilities" for layer in layers):
        raise PolicyError(
            f"{backbone.name!r} is a model with its head, expected a backbone without one. Give "
            "the backbone's name, or what build_backbone returns."
        )
    return partial(_copied, backbone), layers


def _copied(model: Any) -> Any:
    try:
        return keras.models.clone_model(model)
    except (TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise PolicyError(
            f"{model.name!r} cannot be copied, which a preview needs to leave it unchanged: "
            f"{reason} Give the function that builds it instead of the model."
        ) from error


class _OnCopies:
    """A policy that is asked about the user's own layers and answers in those of a copy."""

    def __init__(self, policy: Policy, originals: tuple[Any, ...], copies: tuple[Any, ...]) -> None:
        self._policy, self._originals = policy, originals
        self._copies = {id(a): b for a, b in zip(originals, copies, strict=True)}

    def __call__(self, layers: Any, epoch: int) -> Any:  # noqa: ARG002
        answer = self._policy(self._originals, epoch)
        if not isinstance(answer, Iterable):
            return answer  # the trainer's own error says what is wrong with it
        return [self._copies.get(id(layer), layer) for layer in answer]

    def __repr__(self) -> str:
        return repr(self._policy)


def _phase(parts: Parts, first: int, end: int, phase: Phase) -> PhasePreview:
    once = _before_cut(parts, phase)
    known = {id(layer) for layer in once}
    every = (x for layer in parts.backbone for x in (layer, *inner_layers(layer)))
    norms = [layer for layer in every if is_batch_norm(layer)]
    return PhasePreview(
        first=first + 1,
        last=end,
        layers=tuple(_layer(layer, phase) for layer in parts.backbone if id(layer) not in known),
        once=len(once),
        once_parameters=sum(_size(layer.weights) for layer in once),
        cut=phase.cut,
        note=phase.note,
        batch_norm=(sum(bool(layer.trainable_weights) for layer in norms), len(norms)),
    )


def _before_cut(parts: Parts, phase: Phase) -> tuple[Any, ...]:
    below = {id(layer) for layer in leaf_layers(phase.trunk)} if phase.trunk else set()
    return tuple(layer for layer in parts.backbone if id(layer) in below)


def _layer(layer: Any, phase: Phase) -> LayerPreview:
    inside, parameters = phase.low_rank.of(layer), _size(layer.weights)
    return LayerPreview(
        name=layer.name,
        kind=type(layer).__name__,
        trained=_size(inside.trainable_weights),
        parameters=parameters,
        low_rank=_size(inside.weights) - parameters,
    )


def _size(weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
