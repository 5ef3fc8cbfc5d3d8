"""The settings that a search tries: checked, and drawn from a finite space."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tlkit._numbers import plain
from tlkit._seeds import stream_seed
from tlkit.data.augmentation.geometric import Augmentation
from tlkit.errors import TrainingError
from tlkit.freezing.policies import UnfreezeAll, UnfreezeTop
from tlkit.training.recipes.changes import SUGGESTED

# What a user gives: for each setting the values to try.
Space = Mapping[str, Sequence[Any]]
Settings = dict[str, Any]


def default_space(*, several: bool) -> Space:
    """Return what is tried where the user does not say.

    Args:
        several: Whether an image may have several labels, which are not smoothed.
    """
    # Changes that leave a class what it is, whatever the pictures show: no flips.
    mild = Augmentation(
        rotation=5,
        shear=0.0,
        width_shift=0.05,
        height_shift=0.05,
        zoom=0.05,
        horizontal_flip=False,
        vertical_flip=False,
    )
    smoothing = {} if several else {"label_smoothing": [0.0, 0.1]}
    return {
        "learning_rate": [2e-4, 5e-4, 1e-3],
        "policy": [UnfreezeAll(), UnfreezeTop(fraction=0.5)],
        "layer_decay": [None, 0.97],
        "augmentation": [SUGGESTED, mild],
        **smoothing,
    }


def checked_space(space: Any, known: Iterable[str]) -> Space:
    """Return a space as the user gave it, of values in lists.

    Args:
        space: What was given.
        known: Names of all settings that can be tried; none where anything can.

    Raises:
        TrainingError: It is no space, is empty, or has a setting that there is not.
    """
    if not isinstance(space, Mapping) or not space:
        raise TrainingError(
            f"space={space!r}; expected the values to try of at least one setting, such as "
            "space={'learning_rate': [1e-4, 3e-4, 1e-3], 'label_smoothing': [0.0, 0.1]}, or None "
            "for tlkit's own."
        )
    names = list(known)
    return {name: _values(name, given, names) for name, given in space.items()}


def size_of(space: Space) -> int:
    """Return how many settings a space has."""
    return math.prod(len(values) for values in space.values())


def drawn(space: Space, count: int, seed: int) -> Iterator[Settings]:
    """Yield different settings of a space: all in order where they are few enough, else by chance.

    Args:
        space: What is tried.
        count: At most so many.
        seed: Which ones, and in which order.

    Example:
        >>> list(drawn({"a": [1, 2], "b": [3]}, 5, seed=0))
        [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    size = size_of(space)
    numbers = dict.fromkeys(range(size)) if size <= count else {}
    dice = random.Random(stream_seed(seed, "tune"))
    while len(numbers) < min(size, count):  # not `sample`, whose range ends at 2**63
        numbers[dice.randrange(size)] = None
    return (_numbered(space, number) for number in numbers)


def _numbered(space: Space, number: int) -> Settings:
    """Return one of a space's settings, the last name changing first."""
    chosen: Settings = {}
    for name in reversed([*space]):
        number, place = divmod(number, len(space[name]))
        chosen[name] = space[name][place]
    return {name: chosen[name] for name in space}


def _values(name: Any, given: Any, known: list[str]) -> list[Any]:
    if not isinstance(name, str) or (known and name not in known):
        near = get_close_matches(str(name), known, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        raise TrainingError(
            f"space has {name!r}, which is no setting.{guess} There are: {', '.join(known)}. For "
            "settings of stages of your own give make=."
        )
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise TrainingError(
            f"space[{name!r}]={given!r}; expected a list of values to try, such as [{given!r}]."
        )
    values = [plain(value) for value in given]
    if not values:
        raise TrainingError(
            f"space[{name!r}] is empty; expected at least one value to try, or leave it out."
        )
    return values
