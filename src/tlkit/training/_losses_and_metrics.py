"""Losses and metrics as a stage keeps them: checked when they are given.

A loss is kept as it was given. A metric counts, so each phase gets a new one: a stage holds one
that was made from the same arguments and is never used. Keras numbers metrics that are not named
through the process (``auc``, ``auc_1``); here they have the name without the number, so that the
history of a stage does not depend on what was made before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, cast

from tlkit._keras.scoring import made_again, stable_name
from tlkit._keras.types import KerasLoss, KerasMetric
from tlkit.errors import TrainingError

Loss = str | KerasLoss | Callable[[Any, Any], Any] | None
Metric = str | KerasMetric | Callable[..., Any]

_OWN_ACCURACY = ("accuracy", "acc")
_SPACES = {"loss": "keras.losses", "metrics": "keras.metrics"}
# What callbacks of Keras put beside the figures of an epoch.
_TAKEN = ("loss", "lr", "learning_rate")


def checked_loss(given: Loss, stage: str) -> Loss:
    """Return the loss of a stage.

    Args:
        given: None for cross-entropy, a name that ``keras.losses.get`` knows, a
            ``keras.losses.Loss``, or a function of targets and probabilities.
        stage: Its name.

    Raises:
        TrainingError: It is none of these.
    """
    if given is None:
        return None
    import keras

    if isinstance(given, str):
        try:
            keras.losses.get(given)
        except ValueError:
            raise _unknown("loss", given, stage, "'categorical_focal_crossentropy'") from None
    elif isinstance(given, type) or not callable(given):
        raise TrainingError(
            f"Stage {stage!r}: loss={given!r}, expected None, a name, a function of targets and "
            "probabilities, or a loss, such as keras.losses.CategoricalFocalCrossentropy()."
        )
    return given


def checked_metrics(given: Sequence[Metric], stage: str) -> tuple[Metric, ...]:
    """Return the metrics of a stage: instances that are never used, or functions that make one.

    Args:
        given: Each a name that ``keras.metrics.get`` knows, a ``keras.metrics.Metric``, a function
            of targets and probabilities, or what makes a metric when it is called with nothing.
        stage: Its name.

    Raises:
        TrainingError: One of them is something else; two have one name, or the name of a figure
            that is there already.
    """
    if not isinstance(given, (list, tuple)):
        raise TrainingError(
            f"Stage {stage!r}: metrics={given!r}, expected a list of Keras metrics, such as "
            "metrics=[keras.metrics.F1Score(average='weighted')]."
        )
    metrics = tuple(_checked(one, stage) for one in given if one not in _OWN_ACCURACY)
    names = [str(new_metric(one).name) for one in metrics]
    for name in names:
        if names.count(name) > 1 or name in _TAKEN or name.startswith("val_"):
            told = "two are" if names.count(name) > 1 else "one is"
            raise TrainingError(
                f"Stage {stage!r}: of its metrics {told} called {name!r}, expected names of their "
                f"own, none of {', '.join(map(repr, _TAKEN))}, none that begins with 'val_'; a "
                "number at the end, as Keras gives it, does not count. Give name=..., such as "
                "keras.metrics.AUC(curve='PR', name='auc_pr')."
            )
    return metrics


def new_metric(metric: Metric) -> Any:
    """Return a metric that has counted nothing, from one of `checked_metrics`."""
    import keras

    if isinstance(metric, keras.metrics.Metric):
        return made_again(metric)
    made: Any = metric()  # type: ignore[operator]  # those that stay functions make one
    made.name = stable_name(made)
    return made


def _checked(given: Metric, stage: str) -> Metric:
    import keras

    made: Any = given
    named = given if isinstance(given, str) else None
    makes = not isinstance(given, (str, keras.metrics.Metric)) and _makes(given)
    if isinstance(given, str):
        try:
            made = keras.metrics.get(given)
        except ValueError:
            raise _unknown("metrics", given, stage, "'f1_score'") from None
    elif makes:
        made = cast(Callable[[], Any], given)()
    if callable(made) and not isinstance(made, keras.metrics.Metric):
        made = keras.metrics.MeanMetricWrapper(made, name=getattr(made, "__name__", "metric"))
    if not isinstance(made, keras.metrics.Metric):
        raise TrainingError(
            f"Stage {stage!r}: metrics holds {given!r}, expected a Keras metric, its name, or a "
            "function of targets and probabilities."
        )
    if type(made) in (keras.metrics.Accuracy, keras.metrics.Mean, keras.metrics.Sum):
        raise TrainingError(
            f"Stage {stage!r}: keras.metrics.{type(made).__name__} does not compare labels with "
            "probabilities. Leave it out; every stage has 'accuracy'."
        )
    try:
        return cast(Metric, made_again(made, name=named or stable_name(made)))
    except ValueError as error:
        if makes:
            return given  # and does so again
        raise TrainingError(
            f"Stage {stage!r}: metrics holds {given!r}, and each phase needs a new one: {error}. "
            "Give a function that makes it, such as lambda: MyMetric(k=3)."
        ) from error


def _makes(given: Any) -> bool:
    """Return whether a function makes a metric, and is none of targets and probabilities."""
    if isinstance(given, type) or not callable(given):
        return isinstance(given, type)
    try:
        signature(given).bind()
    except (TypeError, ValueError):
        return False
    return True


def _unknown(setting: str, given: str, stage: str, example: str) -> TrainingError:
    return TrainingError(
        f"Stage {stage!r}: {setting} {given!r}, and Keras knows none of that name, expected one "
        f"such as {example}, or an object of {_SPACES[setting]}."
    )
