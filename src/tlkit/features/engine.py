"""Running a trunk: one small interface, the Keras engine, and the choice between engines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tlkit.errors import EngineError

ENGINES = ("keras", "onnxruntime")
BATCH = 32
PAD_TO = 8
PARITY = 1e-4
IN_EXTRA = ("onnxruntime", "tf2onnx")  # of what comes with tlkit[onnx]
# Below this many seconds of Keras work, exporting to another engine costs more than it saves.
WORTH_EXPORTING_S = 20.0


class Engine(Protocol):
    """Anything that runs a trunk in inference mode.

    Attributes:
        name: Family of the engine; part of the feature store's key.
    """

    name: str

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output ``(n, ...)`` for images ``(n, h, w, 3)``, 0..255."""
        ...


@dataclass(frozen=True)
class Choice:
    """The engine for a trunk.

    Args:
        engine: What runs it.
        why: One line.
        lasting: Whether it would be chosen again for any amount of work.
    """

    engine: Engine
    why: str
    lasting: bool = True


class KerasEngine:
    """The trunk run by Keras itself; always there.

    Args:
        trunk: A built keras.Model.
    """

    name = "keras"

    def __init__(self, trunk: Any) -> None:
        self._trunk = trunk

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the trunk's float32 output for images, in batches of a few sizes."""
        chunks = [self._run_chunk(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    def _run_chunk(self, images: np.ndarray) -> np.ndarray:
        # Few shapes, since each is compiled, and little work for nothing.
        full_size = -(-len(images) // PAD_TO) * PAD_TO
        padding = [(0, full_size - len(images))] + [(0, 0)] * (images.ndim - 1)
        full = np.pad(images, padding).astype("float32", copy=False)
        output: np.ndarray = np.asarray(self._trunk.predict_on_batch(full), "float32")
        return output[: len(images)]


def choose_engine(
    trunk: Any, asked: str, sample: np.ndarray, *, images_ahead: int, export_to: Path
) -> Choice:
    """Return the engine for a trunk, and why.

    Args:
        trunk: The model to run.
        asked: ``"keras"``, ``"onnxruntime"`` or ``"auto"``. Auto takes the faster one whose
            output on ``sample`` equals Keras's to a relative 1e-4, and Keras where anything fails.
        sample: Real images ``(n, h, w, 3)``, 0..255, for the comparison.
        images_ahead: How many images the engine is going to run.
        export_to: Where an exported model may be written.

    Raises:
        EngineError: The engine is unknown; or it was asked for by name and is not installed,
            fails to export or disagrees with Keras.
    """
    if asked not in (*ENGINES, "auto"):
        raise EngineError(f"engine={asked!r}, expected 'auto', 'keras' or 'onnxruntime'.")
    keras_engine = KerasEngine(trunk)
    if asked == "keras":
        return Choice(keras_engine, "keras, as asked")
    if asked == "onnxruntime":
        gated = _gated(trunk, keras_engine, sample, export_to)
        return Choice(gated, "onnxruntime, as asked")
    return _automatic(trunk, keras_engine, sample, images_ahead, export_to)


def _automatic(
    trunk: Any, keras_engine: KerasEngine, sample: np.ndarray, images_ahead: int, export_to: Path
) -> Choice:
    missing = _missing_packages()
    if missing:
        hint = f"keras; pip install {missing} may be several times faster"
        return Choice(keras_engine, hint, lasting=False)
    keras_ms = _milliseconds_per_image(keras_engine, sample)
    ahead_s = keras_ms * images_ahead / 1000
    if ahead_s < WORTH_EXPORTING_S:
        why = f"keras; {ahead_s:.0f} s of work, less than an export is worth"
        return Choice(keras_engine, why, lasting=False)
    try:
        rival = _gated(trunk, keras_engine, sample, export_to)
    except EngineError as error:
        return Choice(keras_engine, f"keras; {str(error).splitlines()[0]}")
    rival_ms = _milliseconds_per_image(rival, sample)
    figures = f"{keras_ms:.1f} ms an image with keras, {rival_ms:.1f} with {rival.name}"
    winner: Engine = rival if rival_ms < keras_ms else keras_engine
    return Choice(winner, f"{winner.name}; {figures}")


def _missing_packages() -> str:
    """Return what pip would have to install for the ONNX engine, or nothing."""
    import keras

    exporter = "jax2onnx" if keras.backend.backend() == "jax" else "tf2onnx"
    missing = [name for name in ("onnxruntime", exporter) if find_spec(name) is None]
    # dict.fromkeys: the extra brings both, and is named once.
    wanted = dict.fromkeys("'tlkit[onnx]'" if name in IN_EXTRA else name for name in missing)
    return " ".join(wanted)


def _gated(trunk: Any, keras_engine: KerasEngine, sample: np.ndarray, export_to: Path) -> Engine:
    from tlkit.features.onnx import OnnxEngine

    rival = OnnxEngine(trunk, export_to)
    expected = keras_engine.run(sample)
    try:
        output = rival.run(sample)
    except Exception as error:
        raise EngineError(f"{rival.name} cannot run the exported trunk: {error}") from error
    difference = np.abs(output - expected).max() / max(np.abs(expected).max(), 1e-12)
    if not difference <= PARITY:
        raise EngineError(
            f"{rival.name} differs from Keras by {difference:.1e} of the largest output, more "
            f"than {PARITY:.0e}. Use engine='keras' for this trunk."
        )
    return rival


def _milliseconds_per_image(engine: Engine, sample: np.ndarray) -> float:
    engine.run(sample)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        engine.run(sample)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times)) / len(sample)
