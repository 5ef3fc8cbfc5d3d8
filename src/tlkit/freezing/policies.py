"""Freeze policies: which layers of the backbone a stage may change.

A policy is any callable ``policy(layers, epoch) -> layers``. It gets the backbone's layers from
the input to the output and the epoch within the stage, from 0, and returns those to train. The
head is always trained. Where the answer changes from one epoch to the next, the trainer starts a
new phase there, with a new optimizer; a learning-rate schedule goes on through the phases.

A policy may have an attribute ``batch_norm``, as tlkit's have. ``"frozen"`` then also holds for
BatchNormalization that is part of another layer, as in some models of other libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tlkit._keras.layers import is_batch_norm
from tlkit._numbers import is_number, is_whole, plain
from tlkit._printing import code_of
from tlkit.errors import PolicyError

if TYPE_CHECKING:
    from tlkit.freezing.policy_preview import PolicyPreview


class Previewed:
    """Give tlkit's policies their ``preview``; other policies need not inherit from it."""

    def preview(self, backbone: Any, **settings: Any) -> PolicyPreview:
        """Show which layers this policy trains and where the model is cut.

        Args:
            backbone: A keras.Model without its top, or what `StagedTrainer` takes.
            **settings: As for `tlkit.preview`: ``epochs``, ``head`` and ``image_size``.

        Returns:
            The preview, which prints as a table; the model is not changed.

        Raises:
            PolicyError: The policy does not fit the backbone.
        """
        from tlkit.freezing.previews import preview

        policy: Any = self
        return preview(policy, backbone, **settings)


@dataclass(frozen=True, repr=False)
class FreezeAll(Previewed):
    """Train the head only; the whole backbone stays as it is.

    Args:
        batch_norm: ``"frozen"``, or ``"train"`` to train BatchNormalization beside the head, where
            the backbone has any, as fastai and Lightning do of a frozen backbone.
    """

    batch_norm: str = "frozen"

    def __post_init__(self) -> None:
        _check_batch_norm(self)

    def __repr__(self) -> str:
        return f"FreezeAll({', '.join(code_of(self).values())})"

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG002
        """Return no layer, or the BatchNormalization layers."""
        return () if self.batch_norm == "frozen" else list(filter(is_batch_norm, layers))


@dataclass(frozen=True)
class UnfreezeAll(Previewed):
    """Train every layer of the backbone.

    Args:
        batch_norm: ``"frozen"`` keeps BatchNormalization as it is, ``"train"`` trains it too.
    """

    batch_norm: str = "frozen"

    def __post_init__(self) -> None:
        _check_batch_norm(self)

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG002
        """Return all layers."""
        return _with_batch_norm(layers, self.batch_norm)


@dataclass(frozen=True)
class UnfreezeTop(Previewed):
    """Train the last layers of the backbone, by their number, their share or the first one's name.

    Args:
        layers: How many, counted as Keras lists them, layers without weights included.
        fraction: Share of the backbone's layers, in (0, 1]; rounded, at least one.
        from_layer: Name of the first layer to train; all after it are trained too.
        batch_norm: ``"frozen"`` keeps BatchNormalization as it is, ``"train"`` trains it too.

    Raises:
        PolicyError: Not exactly one of the three, or a value out of range.
    """

    layers: int | None = None
    fraction: float | None = None
    from_layer: str | None = None
    batch_norm: str = "frozen"

    def __post_init__(self) -> None:
        _check_batch_norm(self)
        _settle(self, "layers", "fraction")
        given = [x for x in (self.layers, self.fraction, self.from_layer) if x is not None]
        if len(given) != 1:
            raise PolicyError(f"{self!r}: expected one of layers, fraction and from_layer.")
        if self.layers is not None and not is_whole(self.layers, 1):
            raise PolicyError(f"{self!r}: layers must be a positive integer.")
        share = self.fraction
        if share is not None and not (is_number(share) and 0 < share <= 1):
            raise PolicyError(f"{self!r}: fraction must be above 0 and at most 1.")
        if self.from_layer is not None and not isinstance(self.from_layer, str):
            raise PolicyError(f"{self!r}: from_layer must be the name of a layer.")

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG002
        """Return the last layers.

        Raises:
            PolicyError: Fewer layers than asked, an unknown name, or none that has weights.
        """
        top = layers[self._start(layers) :]
        return _reaching(_with_batch_norm(top, self.batch_norm), self)

    def _start(self, layers: Sequence[Any]) -> int:
        if self.from_layer is not None:
            return _position(self.from_layer, layers)
        if self.fraction is not None:
            return len(layers) - max(1, round(self.fraction * len(layers)))
        count = self.layers or 0
        if count > len(layers):
            raise PolicyError(
                f"{self!r}: the backbone has {len(layers)} layers. Ask for at most that, or use "
                "UnfreezeAll()."
            )
        return len(layers) - count


@dataclass(frozen=True)
class GradualUnfreeze(Previewed):
    """Train one group of layers more every so many epochs, top first.

    The gradual unfreezing of Howard and Ruder, Universal Language Model Fine-tuning for Text
    Classification, 2018, https://arxiv.org/abs/1801.06146, section 3.3. Groups are consecutive
    layers with as equal a number of layers that have weights as possible.

    Args:
        groups: How many groups the backbone is divided into.
        every: Epochs after which the next group is added; the first epochs train the top group.
        batch_norm: ``"frozen"`` keeps BatchNormalization as it is, ``"train"`` trains it too.
    """

    groups: int = 4
    every: int = 1
    batch_norm: str = "frozen"

    def __post_init__(self) -> None:
        _check_batch_norm(self)
        _settle(self, "groups", "every")
        if not (is_whole(self.groups, 1) and is_whole(self.every, 1)):
            raise PolicyError(f"{self!r}: groups and every must be whole numbers, at least 1.")

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:
        """Return the layers of the groups that this epoch trains."""
        able = [layer for layer in layers if layer.weights]
        able = list(_with_batch_norm(able, self.batch_norm))
        if self.groups > len(able):
            raise PolicyError(
                f"{self!r}: the backbone has {len(able)} layers to train. Ask for at most that "
                "many groups."
            )
        reached = min(self.groups, 1 + epoch // self.every)
        return able[len(able) - round(reached * len(able) / self.groups) :]


@dataclass(frozen=True)
class BatchNormOnly(Previewed):
    """Train nothing of the backbone but its BatchNormalization layers.

    Frankle, Schwab and Morcos, Training BatchNorm and Only BatchNorm, 2021,
    https://arxiv.org/abs/2003.00152.

    Args:
        batch_norm: ``"train"``; anything else would train nothing and is refused.
    """

    batch_norm: str = "train"

    def __post_init__(self) -> None:
        if self.batch_norm != "train":
            raise PolicyError(f"{self!r} would train nothing. Use FreezeAll() for that.")

    def __call__(self, layers: Sequence[Any], epoch: int) -> Sequence[Any]:  # noqa: ARG002
        """Return the BatchNormalization layers.

        Raises:
            PolicyError: The backbone has none.
        """
        return _reaching([layer for layer in layers if is_batch_norm(layer)], self)


def _settle(policy: Any, *names: str) -> None:
    """Give settings Python's own numbers, so that they print and are stored alike."""
    for name in names:
        object.__setattr__(policy, name, plain(getattr(policy, name)))


def _check_batch_norm(policy: Any) -> None:
    if policy.batch_norm not in ("frozen", "train"):
        raise PolicyError(f"{policy!r}: batch_norm must be 'frozen' or 'train'.")


def _with_batch_norm(layers: Sequence[Any], batch_norm: str) -> Sequence[Any]:
    if batch_norm == "train":
        return layers
    return [layer for layer in layers if not is_batch_norm(layer)]


def _reaching(layers: Sequence[Any], policy: Any) -> Sequence[Any]:
    if not any(layer.weights for layer in layers):
        raise PolicyError(
            f"{policy!r} reaches no layer with weights to train. Reach further down, or use "
            "FreezeAll() to train the head only."
        )
    return layers


def _position(name: str, layers: Sequence[Any]) -> int:
    names = [layer.name for layer in layers]
    if name not in names:
        near = get_close_matches(name, names, n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"The last ones: {names[-8:]}."
        raise PolicyError(f"The backbone has no layer {name!r}. {hint}")
    return names.index(name)
