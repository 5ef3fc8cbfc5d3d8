"""Losses and metrics of Keras as data: their arguments, their code, the labels that they take."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from inspect import Parameter, isfunction, signature
from typing import Any

from tlkit._keras.user_code import own_code

# These take class indices too; all others that do begin with this word.
_SPARSE = "sparse"
_ALSO_SPARSE = ("categorical_generalized_cross_entropy", "circle")
_PLAIN = (int, float, bool, str, type(None))
_NO = object()
_OPEN = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def arguments_of(made: object) -> dict[str, Any]:
    """Return the arguments that make a loss or a metric, as far as it tells them.

    ``get_config`` leaves some out, such as ``delta`` of ``keras.losses.Huber``; those are found
    where Keras keeps them.

    Args:
        made: A ``keras.losses.Loss`` or ``keras.metrics.Metric``.

    Example:
        >>> import keras
        >>> arguments_of(keras.losses.Huber(delta=0.5))["delta"]
        0.5
    """
    kept, config = vars(made), _config_of(made)
    passed = {**kept.get("_fn_kwargs", {})}
    named = {**config, **passed, "fn": kept.get("fn", kept.get("_fn"))}
    found: dict[str, Any] = {}
    for name, parameter in signature(type(made)).parameters.items():
        if parameter.kind is Parameter.VAR_KEYWORD:
            found |= {key: item for key, item in passed.items() if key not in found}
        elif parameter.kind is not Parameter.VAR_POSITIONAL:
            value = kept[name] if callable(kept.get(name)) else named.get(name, kept.get(name, _NO))
            if value is not _NO:
                found[name] = value
    return found


def made_again(made: object, **changed: object) -> Any:
    """Return a new loss or metric like another, without what that has counted.

    Args:
        made: The other.
        **changed: Arguments in the place of its own.

    Raises:
        ValueError: It does not tell all arguments with which it was made.
    """
    arguments = {**arguments_of(made), **changed}
    try:
        found = type(made)(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{type(made).__name__} cannot be made from {arguments}: {error}"
        ) from error
    if not _of_keras(type(made)):
        apart = [name for name, value in _plain(made).items() if _plain(found).get(name) != value]
        lost = [name for name in apart if name not in changed]
        if lost:
            raise ValueError(f"{type(made).__name__} does not tell its {', '.join(lost)}")
    return found


def code_of_part(part: object) -> str:
    """Return the code that makes a loss or a metric, without the defaults.

    Example:
        >>> import keras
        >>> code_of_part(keras.losses.Huber(delta=0.5))
        'keras.losses.Huber(delta=0.5)'
    """
    if isfunction(part) or isinstance(part, type):
        return part.__qualname__
    if not hasattr(part, "get_config"):
        return repr(part)
    parameters = signature(type(part)).parameters
    given = [
        f"{name}={code_of_part(value) if callable(value) else repr(value)}"
        for name, value in arguments_of(part).items()
        if not _is_default(name, value, parameters, part)
    ]
    space = public_space(type(part))
    return f"{f'{space}.' if space else ''}{type(part).__name__}({', '.join(given)})"


def public_space(kind: type) -> str:
    """Return where Keras shows a class, ``keras.losses`` or ``keras.metrics``; else empty."""
    import keras

    for space in ("losses", "metrics"):
        if getattr(getattr(keras, space), kind.__name__, None) is kind:
            return f"keras.{space}"
    return ""


def described_part(part: object) -> str:
    """Return a loss or a metric as text that changes where its arguments or its own code do."""
    own = "\n".join(own_code([part]))
    code = f" (code {hashlib.sha256(own.encode()).hexdigest()[:12]})" if own else ""
    return code_of_part(part) + code


def stable_name(metric: Any) -> str:
    """Return a metric's name without the number that Keras gives to those that are not named.

    Example:
        >>> import keras
        >>> stable_name(keras.metrics.AUC(name="auc_3"))
        'auc'
    """
    name, own = str(metric.name), type(metric).__name__.lower()
    base = re.sub(r"_\d+$", "", name)
    return base if base.replace("_", "") == own else name


def takes_indices(part: object) -> bool:
    """Return whether a loss or a metric takes class indices ``(n,)``, and not ``(n, classes)``.

    Those of Keras do whose names begin with "sparse", as ``SparseCategoricalCrossentropy``, and
    those made from them; so do ``MeanIoU`` and ``IoU`` unless they are told otherwise. Of a
    user's own, those that are called so, or are a subclass of one that is.

    Args:
        part: A loss, a metric or a function.
    """
    told = getattr(part, "sparse_y_true", None)
    if told is not None and hasattr(part, "num_classes") and type(part).__name__ != "BinaryIoU":
        return bool(told)
    function = getattr(part, "fn", None) or getattr(part, "_fn", None)
    own = getattr(function or part, "__name__", "")
    names = [own, *(kind.__name__ for kind in type(part).__mro__)]
    return any(x.lower().startswith(_SPARSE) for x in names) or own in _ALSO_SPARSE


def takes_logits(part: object) -> bool:
    """Return whether a loss or a metric was told that it gets logits."""
    told = getattr(part, "from_logits", None)
    given = told if told is not None or not hasattr(part, "get_config") else arguments_of(part)
    return bool(given.get("from_logits") if isinstance(given, Mapping) else given)


def _config_of(made: Any) -> dict[str, Any]:
    try:
        config: dict[str, Any] = made.get_config()
    except (NotImplementedError, TypeError, ValueError):  # of a function that is not registered
        return {"name": made.name}
    return config


def _is_default(
    name: str, value: object, parameters: Mapping[str, Parameter], made: object
) -> bool:
    import keras

    parameter = parameters.get(name)
    if parameter is None or parameter.kind in _OPEN:
        return False
    if name == "dtype" and parameter.default is None:
        return value in (None, keras.config.floatx(), "int64")
    if name == "name" and parameter.default is None:
        return str(value).replace("_", "") == type(made).__name__.lower()
    return bool(value == parameter.default)


def _of_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"


def _plain(made: object) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(made).items()
        if isinstance(value, _PLAIN) and not name.startswith("_")
    }
