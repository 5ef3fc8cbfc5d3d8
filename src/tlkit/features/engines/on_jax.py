"""JAX writes exports itself, in this process, by the package jax2onnx: no TensorFlow.

Keras writes ONNX by it from 3.14 on. OpenVINO reads that: its own reader of JAX's functions stops
at JAX 0.10 (OpenVINO 2026.4, at every ``custom_jvp_call``, so at every ReLU), and Keras's export to
OpenVINO goes by jax2tf, which has written nothing else than one call into XLA since JAX 0.8.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from tlkit._keras.full_precision import full_precision
from tlkit._keras.layers import leaf_layers
from tlkit._keras.traces import predict_on_batch
from tlkit._keras.types import Model
from tlkit.errors import EngineError
from tlkit.features.engines.comparison import PARITY
from tlkit.features.engines.engine import backend, installed
from tlkit.features.engines.openvino_runtime import openvino_core, openvino_runtime

NEEDS = ("jax2onnx", "onnx", "onnxruntime")
# Of ONNX's operators: what jax2onnx's are known in, and ONNX Runtime from 1.17 on.
OPSET = 20
PROBES = 3
CPU = ["CPUExecutionProvider"]


def jax_writes() -> bool:
    """Return whether Keras runs on JAX, and what writes its exports is installed.

    Not beside the main thread: jax2onnx puts functions of its own in the place of JAX's for as
    long as it traces, and other threads may be at work with those.
    """
    alone = threading.current_thread() is threading.main_thread()
    return alone and has_writer()


def has_writer() -> bool:
    """Return whether Keras runs on JAX, and what writes its exports is installed."""
    return backend() == "jax" and all(map(installed, NEEDS))


def write_onnx(trunk: Model, file: Path) -> None:
    """Write a trunk of JAX to one ONNX file, in which it runs as fast as TensorFlow's export.

    jax2onnx writes each operation of JAX as it stands: EfficientNet-Lite0 has 926 nodes and takes
    1.7 times as long. ONNX Runtime's basic level, which uses nothing but ONNX's own operators,
    computes what is constant and leaves 130.

    Args:
        trunk: A built keras.Model of images of one size.
        file: What is to be written.

    Raises:
        EngineError: The file does not give what Keras gives, or it is known that it would not.
        Exception: Whatever Keras, jax2onnx or ONNX Runtime raise where they cannot do it.
    """
    import onnx
    import onnxruntime

    _check(trunk)
    with tempfile.TemporaryDirectory(prefix="tlkit-") as folder:
        raw, small = Path(folder) / "raw.onnx", Path(folder) / "small.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            trunk.export(
                raw,
                format="onnx",
                verbose=False,
                input_signature=[_images(trunk)],
                opset_version=OPSET,
            )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(small)
        onnxruntime.InferenceSession(raw, options, providers=CPU)
        network = onnx.load(small)
    _clip(network)
    _name_what_is_used(network)
    onnx.save(network, file)
    session = onnxruntime.InferenceSession(file, providers=CPU)
    (given,) = session.get_inputs()
    _compare(trunk, lambda images: session.run(None, {given.name: images})[0])


def write_openvino(trunk: Model, xml: Path) -> None:
    """Write a trunk of JAX for OpenVINO, ``.xml`` and ``.bin`` beside it, by way of ONNX.

    Args:
        trunk: A built keras.Model of images of one size.
        xml: What is to be written.

    Raises:
        Exception: As `write_onnx`, or OpenVINO cannot read what it gives.
    """
    with tempfile.TemporaryDirectory(prefix="tlkit-") as folder:
        file = Path(folder) / "model.onnx"
        write_onnx(trunk, file)
        openvino_runtime().save_model(openvino_core().read_model(file), xml, compress_to_fp16=False)


def _check(trunk: Model) -> None:
    """Raise before anything is traced where nothing would come of it.

    Of a pool of images jax2onnx makes one of four axes (0.17.1), and ONNX Runtime runs three.

    Raises:
        EngineError: There is such a layer, or the model takes images of any size.
    """
    import keras

    if None in trunk.input_shape[1:]:
        raise EngineError("it takes images of any size")
    if any(isinstance(layer, keras.layers.MaxPooling2D) for layer in leaf_layers(trunk)):
        raise EngineError("jax2onnx writes MaxPooling2D with four axes, which no runtime takes")


def _images(trunk: Model) -> Any:
    import keras

    # The trunk of a training takes images of one size.
    size = cast(tuple[int, ...], trunk.input_shape[1:])
    return keras.InputSpec(shape=(None, *size), dtype="float32", name=trunk.inputs[0].name)


def _clip(network: Any) -> None:
    """Make one node of ``min(max(x, low), high)``, which runtimes join with what is before it.

    Of ReLU6 jax2onnx writes two, which on a CPU take as long as a convolution.
    """
    graph = network.graph
    numbers = {each.name for each in graph.initializer if not each.dims}
    readers: dict[str, int] = {}
    for name in [*(name for node in graph.node for name in node.input), *_names(graph.output)]:
        readers[name] = readers.get(name, 0) + 1
    makers = {node.output[0]: node for node in graph.node if node.op_type == "Max"}
    for node in [node for node in graph.node if node.op_type == "Min" and len(node.input) == 2]:
        inner, high = node.input
        first = makers.get(inner)
        if first is None or len(first.input) != 2 or readers[inner] != 1:
            continue
        x, low = first.input
        if low in numbers and high in numbers:
            node.op_type = "Clip"
            del node.input[:]
            node.input.extend((x, low, high))
            graph.node.remove(first)


def _name_what_is_used(network: Any) -> None:
    """Leave out the sets of operators that ONNX Runtime names and the network has nothing of."""
    used = {node.domain for node in network.graph.node}
    kept = [each for each in network.opset_import if each.domain in used]
    del network.opset_import[:]
    network.opset_import.extend(kept)


def _names(values: Any) -> list[str]:
    return [value.name for value in values]


def _compare(trunk: Model, run: Callable[[np.ndarray], np.ndarray]) -> None:
    """Raise where an export does not give what Keras gives, for several images at once.

    Raises:
        EngineError: It does not.
    """
    size = cast(tuple[int, ...], trunk.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, (PROBES, *size)).astype("float32")
    with full_precision():
        expected = np.asarray(predict_on_batch(trunk, images), "float32")
    output = run(images)
    if output.shape != expected.shape:
        raise EngineError(f"it gives {output.shape}, expected {expected.shape}, as Keras gives")
    difference = float(np.abs(output - expected).max()) / max(float(np.abs(expected).max()), 1e-12)
    if not difference <= PARITY:
        raise EngineError(f"it differs from Keras by {difference:.1e} of the largest output")
