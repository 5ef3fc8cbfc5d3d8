"""What one image gives depends on that image alone, and on nothing that trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from tlkit._keras.types import Model
from tlkit.errors import FrozenChangedError
from tlkit.testing.agreement import expect_same
from tlkit.testing.failure import BackboneCheckError, expect
from tlkit.testing.subject import Subject

# The same operations on the same numbers: hardly a bit should differ.
TOLERANCE = 1e-5


def batch_independence(subject: Subject) -> None:
    """Require the same features of an image when asked again, and whatever else is in its batch.

    Batches of one size are compared. Another size takes other kernels, and a deep network with
    random weights magnifies their rounding to percents.
    """
    expect_same(
        subject.run(subject.images),
        subject.features,
        TOLERANCE,
        "Two calls with the same images",
        "Something draws random numbers at inference: look for a layer called with training=True.",
    )
    alike = np.repeat(subject.images[:1], len(subject.images), axis=0)
    expect_same(
        subject.run(alike)[:1],
        subject.features[:1],
        TOLERANCE,
        "The features of one image in a batch of copies and in one of other images",
        "Look for statistics taken over the batch, as BatchNormalization takes them where it is "
        "called with training=True.",
    )


def frozen_stays(subject: Subject) -> None:
    """Require that training a head on it, frozen, moves no variable of it by a bit.

    It is frozen the way that `tlkit.FreezeAll` freezes, and the whole model is fitted, trunk
    included. The states of random-number generators may move: dropout acts under Keras's ``fit``
    whether it is frozen or not, and they are no part of what the features are.
    """
    from tlkit.freezing.phase import check_frozen, frozen_digests, prepare
    from tlkit.freezing.policies import FreezeAll

    parts = _with_head(subject.model)
    flags = [(layer, layer.trainable) for layer in parts.backbone]
    try:
        phase = prepare(parts, (), FreezeAll())
        before, head = frozen_digests(phase), parts.head[-1].get_weights()
        _fit(parts.model, subject)
        check_frozen(phase, before)
    except FrozenChangedError as error:
        subject.reset()  # so that the other checks get it as it was built
        raise BackboneCheckError(
            f"{error}\nExpected layers that change nothing while they are frozen."
        ) from error
    finally:
        for layer, trainable in flags:
            layer.trainable = trainable
    moved = any((a != b).any() for a, b in zip(head, parts.head[-1].get_weights(), strict=True))
    expect(moved, "The head on top of it did not learn, expected it to move in every step.")


def _with_head(model: Model) -> Any:
    """Put a head of two classes on it that takes features of any shape.

    Gradients end at the head. All below is frozen, so nobody would use them, and in a big network
    they take most of the time.
    """
    import keras

    from tlkit._keras.layers import leaf_layers
    from tlkit.freezing.whole_model import Parts

    head = (keras.layers.Flatten(name="check_flatten"), keras.layers.Dense(2, name="check_logits"))
    features = keras.ops.stop_gradient(model.outputs[0])
    whole = keras.Model(model.inputs[0], head[1](head[0](features)))
    return Parts(whole, tuple(leaf_layers(model)), head)


def _fit(model: Model, subject: Subject) -> None:
    """Train for two steps; eagerly, since tracing a big network takes longer than running it."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    images = np.concatenate([subject.images, subject.images[:1]])
    # One class for all: the head moves even where random weights give all images much the same.
    model.fit(images, np.zeros(len(images)), batch_size=2, verbose=0)
