"""Every installed backbone keeps every promise; the whole takes about twenty minutes."""

from __future__ import annotations

import pytest

import tlkit
from tlkit.testing import check_backbone


@pytest.mark.slow
@pytest.mark.parametrize("spec", tlkit.list_backbones(), ids=lambda spec: spec.name)
def test_backbone_passes_every_check(
    spec: tlkit.BackboneSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    report = check_backbone(spec)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201 - a table to look at is what a slow run is for
