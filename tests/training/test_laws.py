"""What holds for every policy, list of stages, seed and moment of interruption."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tlkit
from tests.conftest import EXAMPLES
from tests.training.conftest import (
    assembled,
    largest_difference,
    nested_network,
    same_weights,
    small_network,
    train_whole_model,
    trainer,
    weights_of,
)
from tlkit.freezing.head import Head
from tlkit.testing import tiny_backbone, tiny_dataset
from tlkit.training.loop.callbacks import EpochKeeper

BATCH_NORM = st.sampled_from(["frozen", "train"])
POLICIES = st.one_of(
    st.just(tlkit.FreezeAll()),
    st.just(tlkit.BatchNormOnly()),
    st.builds(tlkit.UnfreezeAll, batch_norm=BATCH_NORM),
    # The top three layers are a convolution, its BatchNormalization and its activation.
    st.builds(tlkit.UnfreezeTop, layers=st.integers(3, 15), batch_norm=BATCH_NORM),
    st.builds(
        tlkit.GradualUnfreeze,
        groups=st.integers(1, 4),
        every=st.integers(1, 2),
        batch_norm=BATCH_NORM,
    ),
    st.builds(
        tlkit.LoRA,
        rank=st.integers(1, 3),
        within=st.sampled_from([tlkit.UnfreezeAll(), tlkit.GradualUnfreeze(groups=2)]),
    ),
)
# Features are rounded at 1e-7 of them, which Adam may carry into a few steps.
ROUNDING = 2e-5
EPOCHS = st.lists(st.tuples(POLICIES, st.integers(1, 2), st.booleans()), min_size=1, max_size=2)
LAW = settings(deadline=None, derandomize=True, max_examples=EXAMPLES)


def stages(drawn: list[tuple[Any, int, bool]]) -> list[tlkit.Stage]:
    """Stages of these policies and epochs, with augmentation where asked."""
    return [
        tlkit.Stage(
            f"stage {number}",
            epochs=epochs,
            learning_rate=0.01,
            batch_size=16,
            policy=policy,
            augmentation=tlkit.Augmentation(rotation=20) if augmented else None,
        )
        for number, (policy, epochs, augmented) in enumerate(drawn)
    ]


class Killed(BaseException):
    """Ends a training as a signal would."""


def train(run: Path, drawn: list[tuple[Any, int, bool]], seed: int, *, stop_after: int = 0) -> Any:
    """Train, ended after so many checkpoints and then resumed, or in one go."""
    data = tiny_dataset(24)
    training = trainer(*stages(drawn), engine="keras", run_dir=run, seed=seed)
    if not stop_after:
        return training.fit(data, verbose=0)
    write, written = EpochKeeper._write, []

    def dies(keeper: EpochKeeper, state: list[np.ndarray]) -> None:
        write(keeper, state)
        written.append(keeper)
        if len(written) == stop_after:
            raise Killed

    with patch.object(EpochKeeper, "_write", dies), pytest.raises(Killed):
        training.fit(data, verbose=0)
    return training.fit(data, resume=True, verbose=0)


@pytest.mark.slow
@LAW
@given(drawn=EPOCHS, seed=st.integers(0, 2**31), data=st.data())
def test_run_that_is_split_anywhere_ends_as_the_unsplit_run(
    drawn: list[tuple[Any, int, bool]], seed: int, data: st.DataObject
) -> None:
    split = data.draw(st.integers(1, sum(epochs for _, epochs, _ in drawn)))
    with tempfile.TemporaryDirectory() as folder:
        whole = train(Path(folder) / "whole", drawn, seed)
        resumed = train(Path(folder) / "resumed", drawn, seed, stop_after=split)
    assert same_weights(whole.model, resumed.model)
    assert whole.history == resumed.history


@LAW
@given(drawn=EPOCHS, seed=st.integers(0, 2**31))
def test_what_must_be_frozen_is_frozen_to_the_bit(
    drawn: list[tuple[Any, int, bool]], seed: int
) -> None:
    training = trainer(*stages(drawn), engine="keras", seed=seed)
    before = weights_of(assembled(tiny_backbone(), Head(), None, seed=seed).model)
    result = training.fit(tiny_dataset(24), verbose=0)
    trained = {name for stage in result.stages for name in stage.trained_layers}
    moved = {
        path.split("/")[0]
        for path, value in weights_of(result.model).items()
        if not np.array_equal(value, before[path])
    }
    assert moved <= trained
    for policy, _, _ in drawn:
        if getattr(policy, "batch_norm", "frozen") == "train":
            return
    assert not {name for name in moved if name.endswith("_bn")}


@pytest.mark.slow
@LAW
@given(
    policy=st.one_of(
        st.just(tlkit.FreezeAll()),
        # A bias before a BatchNormalization that trains has a gradient of rounding errors alone,
        # of which Adam makes whole steps: such a network is compared in test_plain_equivalence.py.
        st.builds(tlkit.UnfreezeTop, layers=st.integers(3, 10)),
    ),
    seed=st.integers(0, 2**31),
    augmented=st.booleans(),
    backbone=st.sampled_from([small_network, nested_network]),
)
def test_trunk_and_tail_train_what_the_whole_model_would(
    policy: Any, seed: int, augmented: bool, backbone: Any
) -> None:
    (stage,) = stages([(policy, 2, augmented)])
    stage = dataclasses.replace(stage, keep_best=None)
    data, head = tiny_dataset(24), Head(dropout=0.2)
    result = trainer(stage, backbone=backbone, engine="keras", head=head, seed=seed).fit(
        data, verbose=0
    )
    plain = assembled(backbone, head, None, seed=seed).model
    train_whole_model(plain, result.stages[0].trained_layers, data, stage, seed=seed)
    assert largest_difference(plain, result.model) <= ROUNDING
