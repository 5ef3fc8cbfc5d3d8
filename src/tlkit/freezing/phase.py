"""A phase: some layers are trained, all others stay; the model is cut where that begins."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tlkit._keras.graph import CutPoint, leaves
from tlkit._keras.layers import inner_layers, is_batch_norm, leaf_layers
from tlkit._keras.random_states import acts_in_training
from tlkit.errors import CutError, FrozenChangedError, PolicyError, TrainingError
from tlkit.freezing.lora import LoRA, LowRankLayers
from tlkit.freezing.low_rank import LowRank
from tlkit.freezing.own_copies import original_of
from tlkit.freezing.policy import Policy
from tlkit.freezing.whole_model import Parts


@dataclass(frozen=True)
class Phase:
    """A model prepared for training some of its layers.

    Args:
        tail: What is trained: a keras.Model from the cut (or the image) to the probabilities. It
            shares its layers with the whole model, but for twins.
        trunk: What is frozen below the cut, a keras.Model; None where there is no cut.
        cut: The cut point, or None.
        note: Why there is no cut where a frozen part is left in the tail, else empty.
        live: The layers that may change.
        frozen: All other layers, and what stays frozen inside the live ones.
        low_rank: The twins of live layers that are in the tail in their place, with `LoRA`.
    """

    tail: Any
    trunk: Any | None
    cut: CutPoint | None
    note: str
    live: tuple[Any, ...]
    frozen: tuple[Any, ...]
    low_rank: LowRank = field(default_factory=LowRank)


def selections(policy: Policy, parts: Parts, epochs: int) -> list[tuple[int, int, tuple[Any, ...]]]:
    """Return the phases of a policy as (first epoch, end epoch, backbone layers to train).

    Raises:
        PolicyError: The policy returned something that is not a layer of the backbone.
    """
    phases: list[tuple[int, int, tuple[Any, ...]]] = []
    for epoch in range(epochs):
        chosen = _selected(policy, parts, epoch)
        if phases and {id(x) for x in phases[-1][2]} == {id(x) for x in chosen}:
            phases[-1] = (phases[-1][0], epoch + 1, chosen)
        else:
            phases.append((epoch, epoch + 1, chosen))
    return phases


def prepare(parts: Parts, chosen: Collection[Any], policy: Policy) -> Phase:
    """Set the ``trainable`` flags and cut the model before the first layer that may change.

    Args:
        parts: The whole model.
        chosen: The backbone's layers to train; the head is always trained.
        policy: Whose ``batch_norm="frozen"``, where it has that, also holds for the
            BatchNormalization inside layers that are made of others, which it cannot leave out.
            `LoRA` trains twins of the layers, which are handed back by `LowRank.hand_back`.

    Raises:
        TrainingError: The tail does not train exactly the variables that it should.
    """
    picked = {id(layer) for layer in (*chosen, *parts.head)}
    live = tuple(layer for layer in parts.layers if id(layer) in picked)
    frozen = tuple(layer for layer in parts.layers if id(layer) not in picked)
    parts.model.trainable = True
    for layer in parts.layers:
        layer.trainable = id(layer) in picked
    if getattr(policy, "batch_norm", "train") == "frozen":
        frozen += _still_inside(layer for layer in chosen if not is_batch_norm(layer))
    cut, note = _cut_below(parts, live)
    trunk, tail = _trunk_and_tail(parts, cut, frozen)
    low_rank = LowRank(chosen, policy.rank) if isinstance(policy, LoRA) else LowRank()
    phase = Phase(low_rank.within(tail), trunk, cut, note, live, frozen, low_rank)
    _check_trainable(phase)
    return phase


def frozen_digests(phase: Phase) -> list[str]:
    """Return a hash of the weights of each frozen layer, BatchNormalization statistics included."""
    return [_digest(layer) for layer in phase.frozen]


def check_frozen(phase: Phase, before: list[str]) -> None:
    """Raise where a frozen layer is not bit for bit what it was.

    Raises:
        FrozenChangedError: Names the layers.
    """
    pairs = zip(phase.frozen, before, frozen_digests(phase), strict=True)
    moved = [layer.path or layer.name for layer, old, new in pairs if old != new]
    if moved:
        raise FrozenChangedError(
            f"{len(moved)} frozen layers changed during training, the first of them {moved[0]!r}. "
            "Look for a callback or a layer that assigns weights by itself."
        )


def _selected(policy: Policy, parts: Parts, epoch: int) -> tuple[Any, ...]:
    shown = {id(original_of(layer)): layer for layer in parts.backbone}
    chosen = policy(tuple(map(original_of, parts.backbone)), epoch)
    if not isinstance(chosen, Iterable):
        raise PolicyError(
            f"{policy!r} returned {chosen!r} for epoch {epoch}, expected a sequence of layers. "
            "Return some of the layers that the policy is given, or () for none."
        )
    if isinstance(chosen, LowRankLayers) and not isinstance(policy, LoRA):
        raise PolicyError(
            f"{policy!r} returned for epoch {epoch} what a LoRA has chosen, whose kernels would be "
            "trained as a whole. Give the LoRA itself, policy=LoRA(...), and what says which "
            "layers as its within=."
        )
    chosen = tuple(shown.get(id(layer), layer) for layer in chosen)
    known = {id(layer) for layer in parts.backbone}
    for layer in chosen:
        if id(layer) not in known:
            raise PolicyError(
                f"{policy!r} returned {layer!r} for epoch {epoch}, which is not one of the "
                "backbone's layers. Return some of the layers that the policy is given."
            )
    return chosen


def _still_inside(layers: Iterable[Any]) -> tuple[Any, ...]:
    """Freeze the BatchNormalization layers inside layers, and return them."""
    norms = tuple(x for layer in layers for x in inner_layers(layer) if is_batch_norm(x))
    for norm in norms:
        norm.trainable = False
    return norms


def _cut_below(parts: Parts, live: Collection[Any]) -> tuple[CutPoint | None, str]:
    """Return the last cut point before anything that trains or does something in training."""
    moving = {id(layer) for layer in live if layer.trainable_weights or acts_in_training(layer)}
    try:
        points = parts.graph.cut_points
    except CutError as error:
        return None, f"no trunk: {error}"
    operations = [step.operation for step in parts.graph.steps]
    end = min(i for i, x in enumerate(operations) if moving & set(map(id, leaves(x))))
    # A trunk without weights is preprocessing only: running it again costs less than reading it.
    start = next((i for i, x in enumerate(operations) if getattr(x, "weights", None)), end)
    below = [point for point in points if start <= point.index < end and point.floats]
    return (below[-1] if below else None), ""


def _trunk_and_tail(
    parts: Parts, cut: CutPoint | None, frozen: Collection[Any]
) -> tuple[Any | None, Any]:
    """Return the trunk, if there is a cut, and a new model of what follows, without noise.

    It is new although it is the same for all phases of a cut, so that compiling it leaves others
    as they are: the whole model would be saved with an optimizer that plain Keras may not know.
    """
    noisy = frozenset(id(layer) for layer in frozen if acts_in_training(layer))
    place = (cut, noisy)
    if place not in parts.tails:
        tail = parts.graph.tail(cut.name) if cut else parts.model
        parts.tails[place] = _without_noise(tail, noisy)
    tail = parts.tails[place]
    trunk = parts.graph.trunk(cut.name) if cut else None
    return trunk, keras.Model(tail.inputs[0], tail.outputs[0], name=tail.name)


def _without_noise(tail: Any, noisy: Collection[int]) -> Any:
    """Return the tail with its frozen dropout and the like held still: frozen means inference.

    Keras leaves no way to say so for a single layer: ``trainable=False`` does not stop dropout,
    and ``training=False`` in the call of a Functional model is overruled by ``fit``.
    """
    if not any(id(layer) in noisy for layer in leaf_layers(tail)):
        return tail

    def keep(layer: Any) -> Any:
        return Still(layer) if id(layer) in noisy else layer

    return keras.models.clone_model(tail, clone_function=keep, recursive=True)


class Still(keras.layers.Layer):  # type: ignore[misc]
    """A layer in inference mode, whatever the model around it does; never part of a saved model.

    Args:
        layer: The layer, whose weights this one shares.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        self.supports_masking = layer.supports_masking
        self.built = True

    def call(self, *inputs: Any, **settings: Any) -> Any:
        """Return what the layer gives at inference."""
        return self.layer(*inputs, **{**settings, "training": False})

    def compute_output_spec(self, *inputs: Any, **settings: Any) -> Any:
        """Return the shape and type of what `call` returns."""
        return self.layer.compute_output_spec(*inputs, **settings)


def _check_trainable(phase: Phase) -> None:
    layers = map(phase.low_rank.of, phase.live)
    intended = {id(v): layer.name for layer in layers for v in layer.trainable_variables}
    actual = {id(v): v.path for v in phase.tail.trainable_variables}
    missing = sorted({name for key, name in intended.items() if key not in actual})
    extra = sorted({path for key, path in actual.items() if key not in intended})
    if missing or extra:
        raise TrainingError(
            f"The stage would not train what its policy says. Not reached: {missing or 'nothing'}; "
            f"reached though frozen: {extra or 'nothing'}. A layer inside another layer cannot be "
            "trained while the outer one is frozen."
        )


def _digest(layer: Any) -> str:
    digest = hashlib.sha256()
    for weight in layer.weights:
        digest.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return digest.hexdigest()
