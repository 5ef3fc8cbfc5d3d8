"""The layers that a stage trains in one of its phases, and a checkpoint that knew fewer of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tlkit._keras.types import Variable
from tlkit.freezing.whole_model import Parts
from tlkit.training.run_dir.checkpoint import values

Phases = Sequence[tuple[int, int, tuple[Any, ...]]]


def live_layers(parts: Parts, phases: Phases) -> list[Any]:
    """Return the layers that are trained in any phase: those of the backbone, then the head."""
    chosen = {id(layer) for _, _, layers in phases for layer in layers}
    return [*(x for x in parts.backbone if id(x) in chosen), *parts.head]


def known_layers(parts: Parts, phases: Phases, state: Sequence[np.ndarray]) -> list[Any]:
    """Return the layers whose variables a checkpoint holds.

    A stage that is made longer may come to phases, and so to layers, that it did not have when the
    checkpoint was written. Those were frozen until then.

    Args:
        parts: The whole model.
        phases: Of the stage as it is now.
        state: The checkpoint's values of all variables.
    """
    each = [live_layers(parts, phases[: n + 1]) for n in range(len(phases))]
    fits = (x for x in each if sum(len(layer.variables) for layer in x) == len(state))
    return next(fits, each[-1])


def completed(
    weights: Sequence[Variable], known: Sequence[Variable], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return values of all weights: of those that were known, and of others as they are.

    Args:
        weights: All of them.
        known: Some of them.
        arrays: The values of these.
    """
    found = {id(weight): array for weight, array in zip(known, arrays, strict=True)}
    others = [weight for weight in weights if id(weight) not in found]
    found |= {id(w): array for w, array in zip(others, values(others), strict=True)}
    return [found[id(weight)] for weight in weights]


def missed_phases(phases: Phases, done: int) -> Iterator[str]:
    """Yield which phases an early end left out: their layers were never unfrozen.

    Args:
        phases: First epoch, the epoch after the last, and layers of each.
        done: Epochs that were trained.
    """
    missed = [chosen for first, _, chosen in phases if first >= done]
    if missed:
        reached = {id(x) for first, _, chosen in phases if first < done for x in chosen}
        layers = {id(x) for chosen in missed for x in chosen if x.weights} - reached
        yield (
            f"ended after epoch {done}, before {len(missed)} of {len(phases)} phases: "
            f"{len(layers)} layers were never unfrozen"
        )
