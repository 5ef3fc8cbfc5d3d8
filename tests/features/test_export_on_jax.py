"""JAX writes what it can itself, and what it cannot, or writes wrongly, the process does."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.conftest import skip_without_onnx_export
from tlkit._keras import traces
from tlkit.errors import EngineError
from tlkit.features.engines import exporting, on_jax
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.engine import backend, installed

SIZE = (16, 16, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, *SIZE)).astype("uint8")
JAX = backend() == "jax" and all(map(installed, on_jax.NEEDS))
where_jax_writes = pytest.mark.skipif(not JAX, reason="KERAS_BACKEND=jax and tlkit[jax,onnx]")


def stock_network() -> Any:
    """A trunk of what networks of Keras are made of."""
    image = keras.Input(SIZE)
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.ZeroPadding2D()(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = first = layers.ReLU(6.0)(layers.BatchNormalization(moving_mean_initializer="ones")(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Activation("swish")(layers.LayerNormalization()(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Dense(8, "sigmoid")(gate)])
    x = layers.Concatenate()([layers.Add()([x, first]), layers.Activation("gelu")(x)])
    return keras.Model(image, layers.SeparableConv2D(4, 3, padding="same")(x))


def small_network(layer: Any) -> Any:
    """A trunk of one layer."""
    image = keras.Input(SIZE)
    return keras.Model(image, layer(image))


def no_process(*given: Any) -> None:
    """Stand for the process, where none is to start, and for what it is to write."""
    raise AssertionError(f"started: {given}")


@where_jax_writes
@pytest.mark.parametrize(("name", "package"), [("onnxruntime", "onnx"), ("openvino", "openvino")])
def test_what_jax_writes_gives_what_keras_gives_and_starts_no_process(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.setattr(exporting, "_run", no_process)
    trunk = stock_network()
    engine = choose_engine(trunk, name, IMAGES, images_ahead=100, stem=tmp_path / "trunk").engine
    for count in (1, 5, 12):
        expected = np.asarray(trunk(IMAGES[:count].astype("float32"), training=False))
        found = engine.run(IMAGES[:count])
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert len(list(tmp_path.iterdir())) == 1  # large weights too are in the one file


@where_jax_writes
def test_the_file_has_only_onnx_s_own_operators_and_what_is_constant_is_computed(
    tmp_path: Path,
) -> None:
    import onnx

    on_jax.write_onnx(stock_network(), tmp_path / "trunk.onnx")
    network = onnx.load(tmp_path / "trunk.onnx")
    onnx.checker.check_model(network)
    assert [(each.domain, each.version) for each in network.opset_import] == [("", on_jax.OPSET)]
    kinds = [node.op_type for node in network.graph.node]
    assert kinds.count("Conv") == 4
    assert "Clip" in kinds
    assert "Sqrt" not in kinds[: kinds.index("Clip")]  # of the BatchNormalization before


@where_jax_writes
def test_numbers_other_than_keras_s_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        on_jax, "predict_on_batch", lambda model, x: 1.01 * traces.predict_on_batch(model, x)
    )
    with pytest.raises(EngineError, match=r"differs from Keras by 9\.9e-03 of the largest output"):
        on_jax.write_onnx(small_network(layers.Conv2D(2, 3)), tmp_path / "trunk.onnx")


def test_what_is_known_to_be_written_wrongly_is_not_even_traced(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    skip_without_onnx_export()
    with pytest.raises(EngineError, match="MaxPooling2D"):
        on_jax.write_onnx(small_network(layers.MaxPooling2D(2)), tmp_path / "trunk.onnx")
    assert list(tmp_path.iterdir()) == []


def refuses(_trunk: Any, _file: Path) -> None:
    """Stand for an operation that jax2onnx does not know."""
    raise NotImplementedError("no plugin for the primitive 'fft'")


def writes_wrongly(_trunk: Any, file: Path) -> None:
    """Stand for an export that is compared and is not the same."""
    file.write_text("wrong")
    raise EngineError("it differs from Keras by 9.9e-03 of the largest output")


@pytest.mark.parametrize(("direct", "told"), [(refuses, "'fft'"), (writes_wrongly, "9.9e-03")])
def test_what_jax_cannot_write_the_process_does_and_the_log_says_why(
    direct: Any,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(exporting, "backend", lambda: "jax")
    monkeypatch.setattr(exporting, "jax_writes", lambda: True)
    monkeypatch.setattr(exporting, "_run", lambda command: Path(command[-1]).write_text("right"))
    with caplog.at_level(logging.INFO, "tlkit"):
        exporting.write_export(
            no_process, small_network(layers.Flatten()), tmp_path / "file", on_jax=direct
        )
    assert (tmp_path / "file").read_text() == "right"
    assert told in caplog.text


@pytest.mark.parametrize("missing", [*on_jax.NEEDS, None])
def test_it_is_for_jax_with_all_that_it_needs(
    missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_jax, "backend", lambda: "jax")
    monkeypatch.setattr(on_jax, "installed", lambda name: name != missing)
    assert on_jax.jax_writes() == (missing is None)
    with ThreadPoolExecutor(1) as pool:  # others may trace while JAX's functions are exchanged
        assert not pool.submit(on_jax.jax_writes).result()
    monkeypatch.setattr(on_jax, "backend", lambda: "torch")
    assert not on_jax.jax_writes()


GRAPHS = {
    "a ReLU6": ("Max(x, zero) Min(_, six)", "Clip"),
    "the first is read twice": ("Max(x, zero) Min(_, six) Add(_, first)", "Max Min Add"),
    "a bound for each channel": ("Max(x, row) Min(_, six)", "Max Min"),
    "a bound that is computed": ("Max(x, x) Min(_, six)", "Max Min"),
    "one bound": ("Min(x, six)", "Min"),
    "two after each other": ("Max(x, zero) Min(_, six) Max(_, one) Min(_, six)", "Clip Clip"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_two_bounds_are_one_clip_where_that_is_the_same(case: str) -> None:
    skip_without_onnx_export()
    onnx = pytest.importorskip("onnx")
    steps, expected = GRAPHS[case]
    network = _network(onnx, steps)
    before = _output(network)
    on_jax._clip(network)
    onnx.checker.check_model(network)
    assert " ".join(node.op_type for node in network.graph.node) == expected
    np.testing.assert_array_equal(_output(network), before)


def _network(onnx: Any, steps: str) -> Any:
    make, last, nodes = onnx.helper, "x", []
    for place, step in enumerate(steps.replace(", ", ",").split()):
        kind, given = step.rstrip(")").split("(")
        inputs = [{"_": last, "first": "step0"}.get(name, name) for name in given.split(",")]
        last = f"step{place}"
        nodes.append(make.make_node(kind, inputs, [last]))
    values = {"zero": 0.0, "one": 1.0, "six": 6.0, "row": [0.0, 1.0, 2.0]}
    constants = [
        onnx.numpy_helper.from_array(np.array(value, "float32"), name)
        for name, value in values.items()
    ]
    ends = [
        make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [5, 3]) for name in ("x", last)
    ]
    graph = make.make_graph(nodes, "graph", ends[:1], ends[1:], constants)
    sets = [make.make_opsetid("", on_jax.OPSET)]
    return make.make_model(graph, opset_imports=sets, ir_version=9)


def _output(network: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    numbers = np.random.default_rng(0).uniform(-9, 9, (5, 3)).astype("float32")
    return session.run(None, {"x": numbers})[0]
