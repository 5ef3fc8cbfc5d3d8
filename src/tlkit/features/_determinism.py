"""A trunk that draws random numbers at inference is told before anything of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tlkit._keras.graph import Graph
from tlkit._keras.layers import leaf_layers
from tlkit._keras.random_states import random_states
from tlkit._keras.types import Model
from tlkit._keras.user_code import is_own
from tlkit.errors import EngineError


def check_steady(trunk: Model, sample: Callable[[], np.ndarray]) -> None:
    """Raise where a trunk gives two outputs for the same images.

    Only a trunk with layers that may draw is run, twice, and each of these layers after it only
    where the outputs differ. Those are layers that hold random states, and what does not come with
    Keras: nobody can see what that draws from.

    Args:
        trunk: A built Functional keras.Model.
        sample: Gives some of its inputs, (n, h, w, 3), 0..255, if they are needed.

    Raises:
        EngineError: Names the first layer whose output differs.
    """
    if not any(map(_may_draw, trunk.layers)):
        return
    images = sample().astype("float32")
    if not _differs(trunk, images):
        return
    import keras

    graph = Graph.of(trunk)
    for step in graph.steps:
        layer = step.operation
        if _may_draw(layer) and _differs(keras.Model(graph.source, step.output), images):
            raise EngineError(
                f"The layer {layer.name!r} ({type(layer).__name__}) of the frozen part "
                f"{trunk.name!r} draws random numbers at inference, so its output cannot be "
                "computed once and kept. Let it draw in training only, or unfreeze it: then it "
                "runs anew in every epoch."
            )


def _may_draw(layer: Any) -> bool:
    import keras

    if isinstance(layer, keras.Model):
        return any(map(_may_draw, leaf_layers(layer)))
    own = is_own(type(layer))
    return bool(random_states(layer)) or own or isinstance(layer, keras.layers.Lambda)


def _differs(model: Model, images: np.ndarray) -> bool:
    import keras

    def output() -> np.ndarray:
        # Not predict: tracing a deep trunk for two images takes seconds.
        return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))

    first, second = output(), output()
    return not np.allclose(first, second, rtol=1e-4, atol=1e-6, equal_nan=True)
