"""Precisions at which a trunk can be run, and which of them the engines have on this processor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from tlkit.errors import EngineError
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.registry import missing_for

TrunkPrecision = Literal["float32", "bfloat16", "int8", "auto"]
FLOAT32 = "float32"
LOW = ("bfloat16", "int8")
ASKABLE = (FLOAT32, *LOW, "auto")


def check_precision(asked: object) -> None:
    """Raise where that is no precision.

    Raises:
        EngineError: Names those that there are.
    """
    if asked not in ASKABLE:
        raise EngineError(
            f"trunk_precision={asked!r}, expected {', '.join(map(repr, ASKABLE[:-1]))} or 'auto', "
            "the fastest that tells pictures apart as float32 does."
        )


def variant(engine: str, precision: str) -> str:
    """Return what an engine at a precision is called: ``"openvino:int8"``.

    No name of an engine has a colon. At float32 it is called by its own name.
    """
    return engine if precision == FLOAT32 else f"{engine}:{precision}"


def parts_of(name: str) -> tuple[str, str]:
    """Return the engine and the precision that `variant` made one name of."""
    engine, _, precision = name.partition(":")
    return engine, precision or FLOAT32


def lacking(spec: EngineSpec) -> Mapping[str, str]:
    """Return the low precisions that an engine knows, and what each lacks; empty texts for none."""
    missing = missing_for(spec)
    if spec.make_low is None:
        return {}
    try:
        known = {name: str(lack) for name, lack in spec.precisions().items() if name in LOW}
    except Exception as error:  # noqa: BLE001 - said where a precision is asked for
        what = f"it cannot tell: {type(error).__name__}: {error}".splitlines()[0]
        return dict.fromkeys(LOW, missing or what)
    return {name: missing or lack for name, lack in known.items()}


def able(specs: Iterable[EngineSpec], precision: str) -> list[EngineSpec]:
    """Return the engines that have a precision on this processor."""
    return [spec for spec in specs if lacking(spec).get(precision, "unknown") == ""]


def require_able(specs: Iterable[EngineSpec], precision: str, engine: str) -> None:
    """Raise where no engine that may be used has a precision here.

    Args:
        specs: The engines that may be used.
        precision: A low one.
        engine: The engine that was asked for, or ``"auto"``.

    Raises:
        EngineError: Says what each of them lacks, and what there is.
    """
    specs = list(specs)
    if able(specs, precision):
        return
    here = [variant(spec.name, name) for name in LOW for spec in able(specs, name)]
    asked = "" if engine == "auto" else f" with engine={engine!r}"
    raise EngineError(
        f"trunk_precision={precision!r}{asked} is not to be had here: "
        f"{lacks(specs, precision, engine)}. "
        f"Here there is {' and '.join(['float32', *here])}; trunk_precision='auto' takes the "
        "fastest of these that does no harm."
    )


def lacks(specs: Iterable[EngineSpec], precision: str, engine: str) -> str:
    """Return why none of some engines has a precision here; arguments as for `require_able`."""
    found = [(spec.name, lacking(spec).get(precision)) for spec in specs]
    told = "; ".join(f"{name} needs {lack}" for name, lack in found if lack)
    return told or ("no engine knows it" if engine == "auto" else f"{engine} knows no such")
