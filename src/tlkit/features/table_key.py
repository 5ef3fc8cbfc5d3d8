"""Under which key the features of a trunk are kept: everything but the images that decides them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tlkit.data.decoding.decode import decode_settings
from tlkit.features.engines._decision import identity
from tlkit.features.engines.precision import FLOAT32, parts_of
from tlkit.features.engines.registry import installed_engines
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.kept import low_versions


def table_key(
    fingerprint: str,
    size: tuple[int, int],
    dtype: str,
    engine: str,
    batch: int,
    asked: AskedPrecision,
) -> str:
    """Return the key of a table, 40 hex digits.

    Args:
        fingerprint: Of the trunk.
        size: (height, width) of the images in pixels.
        dtype: As what features are stored.
        engine: Name of the engine with its precision, as of `variant`.
        batch: How many images it runs at once.
        asked: Has the pictures that int8 is calibrated on.
    """
    parts = {
        "trunk": fingerprint,
        "decode": decode_settings(size),
        "engine": engine,
        "batch": batch,
        "dtype": dtype,
        **_versions(engine, asked),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]


def _versions(engine: str, asked: AskedPrecision) -> dict[str, Any]:
    """Return what the key says of an engine besides its name; nothing of Keras."""
    name, precision = parts_of(engine)
    found = [spec for spec in installed_engines().specs if spec.name == name]
    versions = identity(found[0]) if len(found) == 1 else {}
    if precision == FLOAT32 or not found:
        return {"versions": versions} if versions else {}
    calibrated = {"calibrated": asked.pictures.key} if precision == "int8" else {}
    return {"versions": {**versions, **low_versions(found[0])}, **calibrated}
