"""Checks of low precisions, remembered beside the exports of a trunk."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tlkit._disk.records import Record
from tlkit.features.engines._decision import machine
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.sample import TrainingSample

CHECK = Record("tlkit precision check", 1)


def low_versions(spec: EngineSpec) -> dict[str, str]:
    """Return the versions of what an engine's low precisions depend on besides."""
    found = {}
    for name in spec.low_packages:
        with suppress(PackageNotFoundError, ValueError):
            found[name] = version(name)
    return found


def network_stem(stem: Path, spec: EngineSpec, precision: str, sample: TrainingSample) -> Path:
    """Return what the file of a network at a precision is called, but for its suffix."""
    return stem.with_name(f"{stem.name}.{precision}-{_digest(sample.key, low_versions(spec))}")


class KeptCheck:
    """The check of a trunk at a precision on this machine, in a file.

    Elsewhere, with other pictures, or with other versions of an engine there is none yet.

    Args:
        stem: What the files of the trunk are called, but for their suffix.
        spec: The engine.
        precision: A low one.
        asked: The pictures, and what is compared.
    """

    def __init__(self, stem: Path, spec: EngineSpec, precision: str, asked: AskedPrecision) -> None:
        pictures = asked.pictures.check_key
        key = _digest(machine([spec]), low_versions(spec), precision, pictures + asked.names)
        self.file = stem.with_name(f"{stem.name}.{key}.check")

    def read(self) -> PrecisionCheck | None:
        """Return what was found; None where nothing was or where it cannot be read."""
        try:
            return PrecisionCheck(**CHECK.read(self.file))
        except (OSError, ValueError, TypeError):
            return None  # then it is compared again, and written whole

    def write(self, check: PrecisionCheck) -> None:
        """Remember what was found."""
        with suppress(OSError):  # a store may be for reading only; then it is compared again
            CHECK.write(self.file, check.to_json())

    def forget(self) -> None:
        """Forget it, so that features are compared again."""
        with suppress(OSError):  # a store may be for reading only
            self.file.unlink(missing_ok=True)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
