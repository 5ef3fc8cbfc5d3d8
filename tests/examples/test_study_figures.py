"""The figures that the study on the sample has to reach; minutes each, in `nox -s slow`."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import tlkit

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [(128, 0.56), (160, 0.58)])
def test_stage_one_on_the_sample_reaches_its_weighted_f1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, least: float
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    protocol = importlib.import_module("protocol")
    published = importlib.import_module("published")
    dataset = importlib.import_module("challenge").read_challenge(EXAMPLE / "sample")
    train, validation = dataset.split(0.2, seed=0)
    trainer = tlkit.StagedTrainer(
        "efficientnet_lite0",
        stages=[protocol.stage_one(published.Trial("efficientnet_lite0", size, 10, 32))],
        head=protocol.HEAD,
        image_size=size,
        cache=tmp_path,
    )
    result = trainer.fit(train, validation, verbose=0)
    evaluation = tlkit.evaluate(result, validation)
    print(f"{size} px: weighted F1 {evaluation.weighted_f1:.4f}")  # noqa: T201 - read by people
    assert evaluation.weighted_f1 >= least
