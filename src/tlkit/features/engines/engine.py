"""What an engine does, and what is known about one before it runs anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tlkit._keras.types import Model
from tlkit._plugins.hooks import hookspec
from tlkit.errors import EngineError

if TYPE_CHECKING:
    # A plugin that names EngineSpec may be asked for its backbones too: listing loads no NumPy.
    import numpy as np

_FUNCTIONS = (
    ("make", "make(trunk, stem)"),
    ("missing", "missing() -> str"),
    ("precisions", "precisions() -> Mapping[str, str]"),
    ("make_low", "make_low(trunk, stem, precision, kept, pictures)"),
)
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")


class Engine(Protocol):
    """Anything that runs a trunk in inference mode.

    Attributes:
        name: Family of the engine; part of the feature store's key.
    """

    name: str

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output ``(n, ...)`` for images ``(n, h, w, 3)``, 0..255."""
        ...


def nothing_missing() -> str:
    """Return an empty text: nothing is missing."""
    return ""


def float32_only() -> Mapping[str, str]:
    """Return nothing: an engine that has no precision below float32."""
    return {}


MakeLow = Callable[[Model, Path, str, Path, "Callable[[], np.ndarray]"], Engine]


@dataclass(frozen=True, kw_only=True)
class EngineSpec:
    """An engine as data: how it is made from a trunk, and what it needs.

    Args:
        name: Lower case, unique among all installed plugins, for example ``"onnxruntime"``. It is
            part of the key under which features are kept.
        make: ``make(trunk, stem) -> Engine`` for a built keras.Model. ``stem`` is a
            pathlib.Path of this trunk's own, in the feature store, to which the engine adds a
            suffix of its own where it keeps an exported model; a file there appears whole or not
            at all. It may raise anything: tlkit then goes on with another engine and says so.
            Import the runtime inside the function, so that listing stays instant.
        missing: Returns what pip would have to install for it here, such as
            ``"'tlkit[onnx]'"``; an empty text where it can run.
        reads: Suffixes of the files from which making it is quick, its own first.
        packages: Distributions on whose versions its speed depends; with another one of them
            ``engine="auto"`` measures again.
        precisions: Returns the precisions below float32 that the engine knows, ``"bfloat16"`` or
            ``"int8"``, and for each what it lacks here, such as ``"a processor with AMX"``; an
            empty text where it can run. Called when one is asked for, after ``missing``.
        make_low: ``make_low(trunk, stem, precision, kept, pictures) -> Engine`` at one of these
            precisions, where there are any. ``kept`` is a pathlib.Path as ``stem``, but of this
            precision and these pictures alone; ``pictures()`` gives pictures of the training,
            uint8 ``(n, h, w, 3)``, to calibrate on where nothing is kept. Its output is float32,
            and its name may be anything. tlkit compares it with float32 before it is used.
        low_packages: Distributions on which the numbers of its low precisions depend besides.
        export_s: About how many seconds making it takes where none of those files is there. Quick
            ones are tried first, and none for work that is too little to win them back.
        distribution: The installed distribution that provides it; tlkit fills this in.
        plugin: The entry point that provides it; tlkit fills this in.

    Raises:
        EngineError: A field is not what is described above; the message names it.
    """

    name: str
    make: Callable[[Model, Path], Engine] = field(repr=False)
    missing: Callable[[], str] = field(default=nothing_missing, repr=False)
    reads: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    precisions: Callable[[], Mapping[str, str]] = field(default=float32_only, repr=False)
    make_low: MakeLow | None = field(default=None, repr=False)
    low_packages: tuple[str, ...] = ()
    export_s: float = 8.0
    distribution: str = ""
    plugin: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and _NAME.fullmatch(self.name)) or self.name == "auto":
            raise EngineError(
                f"EngineSpec(name={self.name!r}), expected a lower-case name such as 'my_engine', "
                "other than 'auto'."
            )
        for name, what in _FUNCTIONS:
            given = getattr(self, name)
            if not (callable(given) or (name == "make_low" and given is None)):
                raise EngineError(
                    f"EngineSpec {self.name!r}: {name}={getattr(self, name)!r}, expected a "
                    f"function {what}."
                )
        for name in ("reads", "packages", "low_packages"):
            value = getattr(self, name)
            if not (isinstance(value, tuple) and all(isinstance(each, str) for each in value)):
                raise EngineError(
                    f"EngineSpec {self.name!r}: {name}={value!r}, expected a tuple of texts."
                )
        seconds = self.export_s
        if not (isinstance(seconds, int | float) and 0 <= seconds < float("inf")):
            raise EngineError(
                f"EngineSpec {self.name!r}: export_s={seconds!r}, expected seconds, 0 or more."
            )

    def files(self, stem: Path) -> list[Path]:
        """Return the files of a trunk that are there and from which it is made quickly."""
        named = [stem.with_name(stem.name + suffix) for suffix in self.reads]
        return [file for file in named if file.is_file()]


class EngineHooks:
    """The hook that tlkit calls on every plugin of the entry-point group ``tlkit.engines``."""

    @hookspec
    def tlkit_engines(self) -> Iterable[EngineSpec]:
        """Return the engines that this plugin provides.

        Called once, when an engine is first chosen or engines are listed. Import no runtime here.
        """
        raise NotImplementedError


def installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    return find_spec(module) is not None


def backend() -> str:
    """Return what Keras runs on."""
    import keras

    return str(keras.backend.backend())
