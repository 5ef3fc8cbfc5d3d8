"""Several models as one, whose output is the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tlkit.combining.members import Member
from tlkit.data.class_names import positions
from tlkit.errors import CombiningError


def largest_size(members: Sequence[Member]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the largest member's (height, width), and what there is to say where others differ.

    Raises:
        CombiningError: They are of different shapes, so that one picture cannot become both.
    """
    sizes = {member.name: member.contract.image_size for member in members}
    largest = max(sizes, key=lambda name: sizes[name])
    height, width = sizes[largest]
    smaller = [name for name, size in sizes.items() if size != (height, width)]
    for name in smaller:
        if sizes[name][0] * width != sizes[name][1] * height:
            raise CombiningError(
                f"{largest!r} takes pictures of {height} x {width} pixels and {name!r} of "
                f"{sizes[name][0]} x {sizes[name][1]}, another shape: one picture cannot become "
                "both. Leave one out."
            )
    if not smaller:
        return (height, width), ()
    note = (
        f"Pictures go in at {height} x {width} pixels and are resized inside for "
        f"{', '.join(map(repr, smaller))}."
    )
    return (height, width), (note,)


def joined(members: Sequence[Member], size: tuple[int, int], shared: str | None) -> Any:
    """Return a model that averages the members' outputs, in the first one's order of classes.

    Args:
        members: Of the same classes.
        size: (height, width) of its pictures.
        shared: The first member's cut point up to which all compute the same; see
            `shared_trunk`.

    Returns:
        A keras.Model that holds the members' layers, float32 probabilities.
    """
    images = keras.Input((*size, 3), name="images")
    parts = [member.model for member in members]
    each = [_resized(images, member.contract.image_size, size) for member in members]
    if shared is not None:
        graphs = [member.graph for member in members]
        place = next(p.index for p in graphs[0].cut_points if p.name == shared)
        names = [graph.steps[place].operation.name for graph in graphs]
        trunk = graphs[0].trunk(shared)
        given = keras.Model(trunk.inputs[0], trunk.outputs[0], name="shared")(images)
        parts = [graph.tail(name) for graph, name in zip(graphs, names, strict=True)]
        each = [given for _ in members]
    outputs = [
        _ordered(_called(part, number, seen), member, members[0])
        for number, (part, seen, member) in enumerate(zip(parts, each, members, strict=True), 1)
    ]
    mean = keras.layers.Average(name="mean_probabilities", dtype="float32")(outputs)
    return keras.Model(images, mean, name="ensemble")


def _called(part: Any, number: int, given: Any) -> Any:
    """Return what a member gives; it becomes a layer of a name of its own."""
    return keras.Model(part.inputs[0], part.outputs[0], name=f"member_{number}")(given)


def _resized(images: Any, wanted: tuple[int, int], size: tuple[int, int]) -> Any:
    if wanted == size:
        return images
    resize = keras.layers.Resizing(*wanted, antialias=True)
    # A Resizing that is not told takes the whole call for training: BatchNormalization would learn.
    # As Pillow, which reads the pictures, gives whole numbers.
    return keras.ops.clip(keras.ops.round(resize(images, training=False)), 0, 255)


def _ordered(output: Any, member: Member, first: Member) -> Any:
    if member.class_names == first.class_names:
        return output
    columns = positions(
        first.class_names,
        member.class_names,
        words=(repr(first.name), repr(member.name)),
        way_out="Models are combined that know the same classes.",
        error=CombiningError,
    )
    if output.shape[-1] == 1:  # a single sigmoid tells the second class, which here is the first
        return 1 - output
    return keras.ops.take(output, np.asarray(columns).tolist(), axis=-1)
