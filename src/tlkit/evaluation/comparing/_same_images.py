"""Evaluations of the same images and classes, or why they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tlkit.data.class_names import positions
from tlkit.errors import EvaluationError
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.evaluation.multi_label import MultiLabelEvaluation


def same_images(
    evaluations: Mapping[str, AnyEvaluation] | Sequence[AnyEvaluation],
) -> dict[str, AnyEvaluation]:
    """Return evaluations by name, with classes as the first of them numbers them.

    Args:
        evaluations: Two or more.

    Raises:
        EvaluationError: There are fewer, or their classes or images differ; says how.
    """
    named = _in_one_order(by_name(evaluations))
    _check_same_images(named)
    return named


def by_name(given: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """Return what is compared by name; those of a sequence are "model 1", "model 2", ...

    Raises:
        EvaluationError: There are fewer than two, or a name is no text.
    """
    if isinstance(given, Mapping):
        named = dict(given)
    else:
        named = {f"model {number}": found for number, found in enumerate(given, 1)}
    if len(named) < 2:
        raise EvaluationError(f"got {len(named)} evaluations; expected two or more to compare.")
    if not all(isinstance(name, str) for name in named):
        raise EvaluationError(
            f"got evaluations of the names {list(named)}; expected text, such as "
            "{'seed 0': one, 'seed 1': other}, or a list."
        )
    return named


def _in_one_order(named: Mapping[str, AnyEvaluation]) -> dict[str, AnyEvaluation]:
    """Return the evaluations, with classes as the first of them numbers them."""
    (first_name, first), *others = named.items()
    ordered = {first_name: first}
    for name, other in others:
        ordered[name] = _ordered(other, first.class_names, (repr(first_name), repr(name)))
    return ordered


def _ordered(found: AnyEvaluation, names: tuple[str, ...], words: tuple[str, str]) -> AnyEvaluation:
    if found.class_names == names:
        return found
    columns = positions(
        names,
        found.class_names,
        words=words,
        way_out="Models can only be compared on the same classes: evaluate both on one dataset.",
        error=EvaluationError,
    )
    if isinstance(found, MultiLabelEvaluation):
        return replace(
            found,
            y_true=found.y_true[:, columns],
            probabilities=found.probabilities[:, columns],
            class_names=names,
            thresholds=tuple(found.thresholds[column] for column in columns),
        )
    return replace(
        found,
        y_true=np.argsort(columns)[found.y_true],
        probabilities=found.probabilities[:, columns],
        class_names=names,
    )


def _check_same_images(named: Mapping[str, AnyEvaluation]) -> None:
    (first_name, first), *others = named.items()
    for name, other in others:
        different = _what_differs(first, other)
        if different:
            raise EvaluationError(
                f"{first_name!r} and {name!r} have different {different}; models can only be "
                "compared on the same images in the same order. Evaluate both on one dataset."
            )


def _what_differs(first: AnyEvaluation, other: AnyEvaluation) -> str | None:
    if type(first) is not type(other):
        return "kinds of labels (one class for each image, and any number of labels)"
    if len(first) != len(other):
        return f"numbers of images ({len(first)} and {len(other)})"
    if not np.array_equal(first.y_true, other.y_true):
        return f"y_true ({int((first.y_true != other.y_true).sum())} labels differ)"
    named = None not in (first.image_names, other.image_names)
    if named and first.image_names != other.image_names:
        return "image names"
    if first.image_digests is None or other.image_digests is None:
        return None
    if np.array_equal(first.image_digests, other.image_digests):
        return None
    return "image contents (the digests of the images differ)"
