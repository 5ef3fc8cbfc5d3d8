"""Settings of a stage that cannot be, told when the stage is made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from tlkit._keras.first_seen import note_as_made
from tlkit._keras.types import Callback
from tlkit._numbers import is_whole
from tlkit.errors import TrainingError
from tlkit.freezing.lora import LoRA
from tlkit.learning_rate.rate import LearningRate, Rate

# Settings that are a share: what is expected, and whether None, 0 and 1 are.
SHARES = (
    ("layer_decay", "None or a number above 0 and at most 1", (None, 1)),
    ("ema", "None or a number between 0 and 1", (None,)),
    ("label_smoothing", "a number from 0 to below 1", (0,)),
)


def checked_callbacks(given: Sequence[Callback], stage: str) -> tuple[Callback, ...]:
    """Return the callbacks of a stage.

    Raises:
        TrainingError: It is no list of callbacks.
    """
    # A single callback, which some have a length or can be gone through, is no list of them.
    each = given if isinstance(given, (list, tuple)) else (None,)
    if not all(hasattr(callback, "on_epoch_end") for callback in each):
        raise TrainingError(
            f"Stage {stage!r}: callbacks={given!r}, expected a list of Keras callbacks, "
            "such as callbacks=[keras.callbacks.EarlyStopping()]."
        )
    for callback in given:
        note_as_made(callback)
    return tuple(given)


def check_made_anew(policy: object, optimizer: object, mix: object, stage: str) -> None:
    """Raise where a policy, an optimizer or a mixing layer is not what gives one.

    Raises:
        TrainingError: It is no function; for ``mix`` also a layer, which can be called too, but
            only with images.
    """
    if not callable(policy):
        raise TrainingError(
            f"Stage {stage!r}: policy={policy!r}, expected a policy such as "
            "FreezeAll() or UnfreezeTop(layers=8)."
        )
    if not (isinstance(optimizer, str) or callable(optimizer)):
        raise TrainingError(
            f"Stage {stage!r}: optimizer={optimizer!r}, expected a name such as "
            "'adam' or a function of the learning rate, for example "
            "functools.partial(keras.optimizers.SGD, momentum=0.9): every stage needs a new "
            "optimizer."
        )
    if mix is not None and (not callable(mix) or hasattr(mix, "built")):
        raise TrainingError(
            f"Stage {stage!r}: mix={mix!r}, expected a function that makes a layer, "
            "such as keras.layers.CutMix or functools.partial(keras.layers.MixUp, alpha=0.2): "
            "every stage needs a new one."
        )


def check_views(views: int | None, augmentation: object, mix: object, stage: str) -> None:
    """Raise where views cannot be kept.

    Raises:
        TrainingError: They are no number, or of images that are not augmented, or are mixed.
    """
    if views is None:
        return
    if not is_whole(views, 1):
        raise TrainingError(
            f"Stage {stage!r}: views={views!r}, expected None or a whole number from "
            "1: how many augmented views of each image are kept."
        )
    for name, value, missing in (("augmentation", augmentation, True), ("mix", mix, False)):
        if (value is None) is missing:
            raise TrainingError(
                f"Stage {stage!r}: views={views!r} with {name}={value!r}. Views are kept of "
                "augmented images, and cannot be kept of images that are mixed in each batch. "
                "Leave views out."
            )


def check_snapshots(
    snapshots: Sequence[int], epochs: int, learning_rate: LearningRate, stage: str
) -> None:
    """Raise where a stage of fewer epochs is not part of one of more.

    Raises:
        TrainingError: A number of epochs that is none, or a rate that depends on it.
    """
    whole = all(is_whole(n, 1) and n < epochs for n in snapshots)
    if not whole or len(set(snapshots)) < len(snapshots):
        raise TrainingError(
            f"Stage {stage!r}: snapshots={snapshots!r}, expected different numbers "
            f"from 1 to {epochs - 1}: epochs after which the stage could have ended."
        )
    if snapshots and Rate.of(learning_rate).depends_on_length:
        raise TrainingError(
            f"Stage {stage!r}: snapshots={snapshots!r} with learning_rate="
            f"{learning_rate!r}, which depends on the number of epochs: a shorter stage "
            "would have had other rates. Run the shorter stages by themselves."
        )


def check_share(value: Any, expected: str, limits: tuple[float | None, ...], named: str) -> None:
    """Raise where a number does not lie between 0 and 1.

    Raises:
        TrainingError: It is no such number, and none of the ``limits``.
    """
    if value is None and None in limits:
        return
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and (0 < value < 1 or value in limits)):
        raise TrainingError(f"{named}={value!r}, expected {expected}.")


def check_rates(rate: LearningRate, backbone: LearningRate | None, stage: str) -> None:
    """Raise where the learning rates of a stage are none, or do not go together.

    Raises:
        TrainingError: Says which, and what is expected.
    """
    try:
        given = Rate.of(rate)
        below = given if backbone is None else Rate.of(backbone)
    except TrainingError as error:
        raise TrainingError(f"Stage {stage!r}: {error}") from None
    if backbone is not None and (given.finder or below.finder):
        raise TrainingError(
            f"Stage {stage!r}: backbone_learning_rate={backbone!r} with learning_rate={rate!r}: a "
            "search is for one rate. Give both as numbers or schedules, or layer_decay in place of "
            "backbone_learning_rate."
        )


def check_pull(l2_sp: Any, stage: str) -> None:
    """Raise where what holds the weights by their start is no number above 0.

    Raises:
        TrainingError: It is none.
    """
    number = isinstance(l2_sp, Real) and not isinstance(l2_sp, bool)
    if l2_sp is not None and not (number and 0 < l2_sp < math.inf):
        raise TrainingError(
            f"Stage {stage!r}: l2_sp={l2_sp!r}, expected None or a finite number above 0, such as "
            "l2_sp=10."
        )


def check_low_rank(policy: object, given: Mapping[str, object], stage: str) -> None:
    """Raise where settings are for weights of the backbone that a policy does not train.

    Args:
        policy: Of the stage.
        given: Values of the settings by name; None for those that are not.
        stage: Its name.

    Raises:
        TrainingError: One of them is given beside `LoRA`.
    """
    names = [name for name, value in given.items() if value is not None]
    if names and isinstance(policy, LoRA):
        raise TrainingError(
            f"Stage {stage!r}: {names[0]}={given[names[0]]!r} with policy={policy!r}, which trains "
            f"products beside the backbone's kernels. Leave {names[0]} out, or train the kernels "
            "themselves: policy=UnfreezeAll()."
        )
