"""The backbones pass the checks that tlkit has for those of plugins, with what must be waived."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tlkit_keras_hub import register

from tlkit import BackboneSpec
from tlkit.testing import check_backbone

NOT_STOCK = "KerasHub's own layers: a saved model needs keras-hub to load"
ONE_SIZE = "the weights are tied to one size, so no other is taken"
WAIVED: dict[str, dict[str, str]] = {
    "resnet": {},
    "mobilenet": {"stock_layers": NOT_STOCK},
    "vit": {"stock_layers": NOT_STOCK, "sizes": ONE_SIZE},
}


# The others are for `nox -s slow`.
@pytest.mark.parametrize(
    "family", ["resnet", *(pytest.param(x, marks=pytest.mark.slow) for x in ("mobilenet", "vit"))]
)
def test_the_backbone_passes_the_checks(family: str, spec: Callable[[str], BackboneSpec]) -> None:
    check_backbone(spec(family), waived=WAIVED[family])


@pytest.mark.slow
def test_one_that_was_added_passes_them_by_name(preset: Callable[[str], Path]) -> None:
    register(preset("vgg"))
    check_backbone("tiny_vgg")
