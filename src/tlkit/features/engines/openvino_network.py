"""A network of TensorFlow, written for OpenVINO."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tlkit._keras.types import Model
from tlkit.features.engines.openvino_runtime import openvino_runtime

MOST_CONSTANTS = 20_000_000
# Whether OpenVINO fails on functions; see `_through_a_file`.
BY_FILE = sys.version_info >= (3, 13)


def write_network(trunk: Model, xml: Path) -> None:
    """Write a trunk of TensorFlow for OpenVINO, ``model.xml`` and ``model.bin`` beside it.

    It is what Keras's export does, but for its search for every variable: half of its time.
    """
    import tensorflow as tf

    openvino = openvino_runtime()
    images = tf.TensorSpec((None, *trunk.input_shape[1:]), "float32")
    traced = tf.function(_called(trunk), input_signature=[images])
    if BY_FILE:
        network = _through_a_file(trunk, traced)
    else:
        network = openvino.convert_model(traced.get_concrete_function())
    openvino.save_model(network, xml, compress_to_fp16=False)


def _through_a_file(trunk: Model, traced: Any) -> Any:
    """Return OpenVINO's network of a traced function, by way of a file: the slower way.

    Given a function, OpenVINO (2026.4) asks for TensorFlow's version by ``exec("import
    tensorflow")`` and ``exec("del tensorflow")``. In Python 3.13 each ``exec`` in a function has
    local names of its own (PEP 667), so the second fails: NameError, "name 'tensorflow' is not
    defined". `importlib.metadata.version("tensorflow")` would tell it without either. Given a file
    it does not ask.

    Args:
        trunk: The keras.Model whose weights the function may read.
        traced: A ``tf.function`` of images.
    """
    import tensorflow as tf

    module = tf.Module()
    module.kept = [variable.value for variable in trunk.variables]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=traced.get_concrete_function())
        return openvino_runtime().convert_model(folder)


def _called(trunk: Model) -> Callable[[Any], Any]:
    """Return a function of images in which small weights are constants.

    OpenVINO seeks each variable among all others, several times: two thirds of what DenseNet121
    takes. Of large weights a constant is a copy that costs more than it saves.
    """
    import tensorflow as tf

    if trunk.count_params() > MOST_CONSTANTS:
        return lambda x: trunk(x, training=False)
    kinds = (trunk.trainable_variables, trunk.non_trainable_variables)
    weights = [[np.asarray(variable) for variable in kind] for kind in kinds]

    def call(x: Any) -> Any:
        constants = [[tf.constant(array) for array in kind] for kind in weights]
        return trunk.stateless_call(*constants, x, training=False)[0]

    return call
