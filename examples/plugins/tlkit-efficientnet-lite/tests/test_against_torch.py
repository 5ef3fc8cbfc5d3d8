"""The reference logits are PyTorch's, and padding agrees where the documentation says so."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from make_reference_logits import PATH, reference_logits
from networks import keras_logits
from reference_inputs import reference_images, scaled
from tlkit_efficientnet_lite.legacy_torch import read_legacy
from tlkit_efficientnet_lite.variants import VARIANTS, Variant
from tlkit_efficientnet_lite.weights import find_file, load_tensors
from torch_reference import torch_logits, torch_model

pytestmark = pytest.mark.slow
pytest.importorskip("torch", reason="needs the extra 'reference'")
pytest.importorskip("efficientnet_lite_pytorch", reason="needs the extra 'reference'")

TOLERANCE = 1e-4


def noise(height: int, width: int) -> Any:
    return np.random.RandomState(2).randint(0, 256, (height, width, 3), np.uint8)


def difference(variant: Variant, model: Any, image: Any) -> float:
    found = keras_logits(variant.name, image)
    return float(np.abs(torch_logits(model, scaled(image))[0] - found).max())


def test_the_stored_logits_are_those_that_pytorch_gives_now() -> None:
    now = reference_logits()
    with np.load(PATH, allow_pickle=False) as stored:
        assert set(stored.files) == set(now)
        for name, value in now.items():
            if name.endswith("sha256"):
                assert stored[name] == value
            else:
                np.testing.assert_allclose(stored[name], value, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_keras_agrees_with_pytorch_as_computed_now(variant: Variant) -> None:
    model = torch_model(variant, variant.size)
    images = reference_images(variant.size)
    del images["odd"]
    assert max(difference(variant, model, image) for image in images.values()) < TOLERANCE


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_padding_by_image_agrees_at_any_size(variant: Variant) -> None:
    model = torch_model(variant, None)
    for height, width in [(32, 32), (97, 131), (128, 128), (150, 223)]:
        assert difference(variant, model, noise(height, width)) < TOLERANCE


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_fixed_padding_agrees_only_at_the_default_size_and_multiples_of_32_away(
    variant: Variant,
) -> None:
    model = torch_model(variant, variant.size)
    for away in (-96, -32, 32):
        side = variant.size + away
        assert difference(variant, model, noise(side, side)) < TOLERANCE
    side = variant.size - 24
    assert difference(variant, model, noise(side, side)) > 100 * TOLERANCE


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_the_reader_gives_what_torch_reads(variant: Variant) -> None:
    ours = load_tensors(variant.weights)
    theirs = import_module("torch").load(find_file(variant.weights), weights_only=True)
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor.numpy(), strict=True)


def test_the_reader_reads_what_todays_torch_writes() -> None:
    torch = import_module("torch")
    whole = torch.arange(24.0).reshape(2, 3, 4)
    state = {"whole": whole, "part": whole[1, :, 1:3].T, "count": torch.tensor(5)}
    stream = io.BytesIO()
    ordered = import_module("collections").OrderedDict(state)
    torch.save(ordered, stream, _use_new_zipfile_serialization=False)
    tensors = read_legacy(stream.getvalue(), "today.pth")
    for name, tensor in state.items():
        np.testing.assert_array_equal(tensors[name], tensor.numpy(), strict=True)
