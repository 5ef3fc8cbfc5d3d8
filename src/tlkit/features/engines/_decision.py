"""The engine that was measured to be the fastest, remembered for a trunk and a machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tlkit._disk.digests import digest_of, file_digest
from tlkit._disk.records import Record
from tlkit.features.engines.engine import EngineSpec, backend
from tlkit.features.engines.registry import missing_for

DECISION = Record("tlkit engine decision", 1)


@dataclass(frozen=True)
class Decision:
    """What was decided, and why.

    Args:
        engine: Name of the engine.
        why: One line with the figures.
        proof: SHA-256 of the exported model that was compared with Keras; empty without one.
        images: For how many images at most it holds: with more, another may be worth its export.
        ms: Milliseconds for an image by the engine's name, as measured.
    """

    engine: str
    why: str
    proof: str = ""
    images: float = float("inf")
    ms: Mapping[str, float] = field(default_factory=dict)


class Decisions:
    """The decision for one trunk on this machine, in a file beside its exported models.

    The file's name has a hash of the machine and of every engine with its version: elsewhere, or
    once an engine has been installed, updated or removed, there is no decision yet.

    Args:
        stem: What the files of the trunk are called, but for their suffix.
        specs: Every engine.
    """

    def __init__(self, stem: Path, specs: Iterable[EngineSpec]) -> None:
        self.machine = machine(specs)
        text = json.dumps(self.machine, sort_keys=True)
        key = digest_of([text.encode()]).hex()[:12]
        self.file = stem.with_name(f"{stem.name}.{key}.decision")

    def read(self) -> Decision | None:
        """Return what was decided; None where nothing was or where it cannot be read."""
        try:
            told = DECISION.read(self.file)
            engine, why, proof = (told[name] for name in ("engine", "why", "proof"))
            images = float(told["images"])
            ms = {str(name): float(each) for name, each in told["ms"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None  # then it is measured again, and written whole
        whole = all(isinstance(text, str) for text in (engine, why, proof))
        return Decision(engine, why, proof, images, ms) if whole else None

    def write(self, decision: Decision) -> None:
        """Remember a decision."""
        with suppress(OSError):  # a store may be for reading only; then it is measured again
            DECISION.write(self.file, {**asdict(decision), "machine": self.machine})

    def forget(self) -> None:
        """Forget the decision, so that engines are weighed again."""
        with suppress(OSError):  # a store may be for reading only
            self.file.unlink(missing_ok=True)


def identity(spec: EngineSpec) -> dict[str, str]:
    """Return on what the numbers of an engine depend besides its name; nothing for Keras.

    Another version of a plugin, or of what it runs on, may round otherwise or have been repaired.
    Keras is what all others are compared with, and its own versions agree to rounding.
    """
    if spec.name == "keras":
        return {}
    own = () if spec.distribution == "tlkit" else (spec.distribution,)
    return {name: _version(name) for name in (*own, *spec.packages) if name and _version(name)}


def machine(specs: Iterable[EngineSpec]) -> dict[str, str]:
    """Return what the speed of engines depends on, as far as it can be known at once."""
    engines = {
        f"engine {spec.name} of {spec.distribution}": " ".join(
            ["missing" if missing_for(spec) else "here", _version(spec.distribution)]
            + [f"{name} {_version(name)}" for name in spec.packages if _version(name)]
        )
        for spec in specs
    }
    return {
        "processor": _processor(),
        "cores": str(_cores()),
        "platform": platform.platform(),
        "backend": backend(),
        **engines,
    }


def proof_of(files: Iterable[Path]) -> str:
    """Return the SHA-256 of exported models, an empty text where there are none."""
    digests = [file_digest(file).encode() for file in files]
    return digest_of(digests).hex() if digests else ""


def _cores() -> int:
    """Return how many cores this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except (PackageNotFoundError, ValueError):
        return ""
