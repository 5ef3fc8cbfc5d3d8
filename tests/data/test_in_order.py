"""Several augmentations in a list are made one after the other."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.data.test_color import IMAGES
from tlkit._seeds import stream_seed
from tlkit.data.augmentation.keras_layers import LayerAugmentation
from tlkit.data.augmentation.transforms import InOrder, as_transform
from tlkit.errors import DataError

DRAW: dict[str, Any] = {"seed": 3, "stage": "warm", "epoch": 2}
TURN, COLOUR = tlkit.Augmentation(rotation=20), tlkit.ColorJitter()
INDICES = np.arange(len(IMAGES))


def changed(*given: Any) -> Any:
    transform: Any = as_transform(list(given))
    return transform(IMAGES, INDICES, **DRAW)


def test_each_gets_what_the_one_before_it_gave_and_the_first_draws_as_if_alone() -> None:
    first = TURN(IMAGES, INDICES, **DRAW)
    own = {**DRAW, "seed": stream_seed(3, "augmentation step", 1)}
    np.testing.assert_array_equal(changed(TURN, COLOUR), COLOUR(first, INDICES, **own))
    np.testing.assert_array_equal(changed(TURN), first)
    # Two of a kind draw differently.
    mirror = tlkit.Augmentation(rotation=0, shear=0, zoom=0, width_shift=0, height_shift=0)
    assert (changed(mirror, mirror) != IMAGES).any()


def test_lists_in_lists_are_one_list_and_prints_as_code() -> None:
    given: Any = [TURN, (COLOUR, [tlkit.RandAugment()])]
    nested: Any = as_transform(given)
    assert nested == InOrder((TURN, COLOUR, tlkit.RandAugment()))
    assert as_transform([nested, COLOUR]) == InOrder((*nested.steps, COLOUR))
    assert as_transform(nested) is nested
    names = {name: getattr(tlkit, name) for name in ("Augmentation", "ColorJitter", "RandAugment")}
    assert as_transform(eval(repr(nested), names)) == nested  # noqa: S307 - the promise under test
    stage = tlkit.Stage("a", epochs=1, learning_rate=1, augmentation=[TURN, COLOUR])
    assert f"augmentation=[{TURN!r}, {COLOUR!r}]" in repr(stage)
    assert stage == tlkit.Stage("a", epochs=1, learning_rate=1, augmentation=(TURN, COLOUR))


def test_layers_beside_each_other_are_one_function_to_compile() -> None:
    layers = [keras.layers.RandomFlip(), keras.layers.RandomContrast(0.2)]
    joined: Any = as_transform([*layers, TURN, layers[0]])
    assert [type(step) for step in joined.steps] == [
        LayerAugmentation,
        tlkit.Augmentation,
        LayerAugmentation,
    ]
    assert joined.steps[0].layers == tuple(layers)
    assert isinstance(as_transform(layers), LayerAugmentation)


def test_an_own_function_may_stand_among_them() -> None:
    def darker(images: Any, indices: Any, *, seed: int, stage: str, epoch: int) -> Any:
        assert (stage, epoch, len(indices)) == ("warm", 2, 8)
        assert seed != 3
        return np.asarray(images, "float32") / 2

    np.testing.assert_array_equal(changed(TURN, darker), changed(TURN) / 2)


NOT_ONE: dict[str, tuple[Any, str]] = {
    "text": ([TURN, "flip"], r"augmentation\[1\]='flip'; expected tlkit\.Augmentation"),
    "none": ([None, TURN], r"augmentation\[0\]=None; expected"),
    "nested": ([TURN, [COLOUR, 3]], r"augmentation\[1\]\[1\]=3; expected"),
    "class": ([TURN, tlkit.ColorJitter], r"augmentation\[1\]=<class .*ColorJitter'>; expected"),
    "class alone": (tlkit.Augmentation, r"augmentation=<class .*Augmentation'>; expected"),
    "empty": ([], r"augmentation=\[\] is empty; expected"),
    "mixes": ([TURN, keras.layers.MixUp()], "this layer mixes images"),
}


@pytest.mark.parametrize("case", NOT_ONE)
def test_what_is_no_augmentation_is_named_with_its_place(case: str) -> None:
    given, words = NOT_ONE[case]
    stage = partial(tlkit.Stage, "a", epochs=1, learning_rate=1)
    with pytest.raises(DataError, match=words):
        stage(augmentation=given)


def test_the_step_that_resizes_is_named() -> None:
    halved = keras.layers.CenterCrop(8, 8)
    with pytest.raises(DataError, match=r"^LayerAugmentation.*\(8, 8, 8, 3\) from \(8, 18, 21"):
        changed(TURN, halved)
