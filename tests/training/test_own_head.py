"""A head of one's own: trained, resumed and saved as tlkit's is, or refused with what to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit.errors import RunDirectoryError, TrainingError
from tlkit.freezing.own_head import head_of
from tlkit.training.run_dir.encoding import encoded

layers = keras.layers


def attentive(features: Any, classes: int) -> Any:
    """Pool by a learned weight of each place, with noise on the way."""
    weights = layers.Softmax(axis=(1, 2))(layers.Conv2D(1, 1)(features))
    pooled = keras.ops.sum(features * weights, axis=(1, 2))
    return layers.Dense(classes, "softmax")(layers.Dropout(0.5)(pooled))


def for_three(features: Any) -> Any:
    return layers.Dense(3, "softmax")(layers.GlobalMaxPooling2D()(features))


def of_layers() -> Any:
    return keras.Sequential(
        [layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(3, "softmax")]
    )


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):  # type: ignore[misc]
    """A model that makes its layers itself, with names that Keras counts."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.pool, self.drop = layers.GlobalAveragePooling2D(), layers.Dropout(0.5)
        self.outputs_of = layers.Dense(3, "softmax")

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Pool, drop, tell."""
        return self.outputs_of(self.drop(self.pool(features), training=training))

    def get_config(self) -> dict[str, Any]:
        """Return no settings."""
        return {}


def trainer(head: Any, epochs: int = 2, **settings: Any) -> tlkit.StagedTrainer:
    stage = tlkit.Stage("head", epochs=epochs, learning_rate=0.05)
    settings = {"weights": None, "cache": False, "stages": [stage], **settings}
    return tlkit.StagedTrainer(tlkit.testing.tiny_backbone(), head=head, **settings)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: attentive, id="function"),
        pytest.param(of_layers, id="layer", marks=pytest.mark.slow),
        pytest.param(Subclassed, id="subclassed", marks=pytest.mark.slow),
    ],
)
def test_it_is_trained_resumed_in_another_process_and_saved(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    data = tlkit.testing.tiny_dataset()
    given = make()
    whole = trainer(given).fit(data, verbose=0)
    if isinstance(given, layers.Layer):
        assert not given.built
    layers.Dropout(0.1)  # so that Keras counts on, as it would elsewhere
    trainer(make(), 1, run_dir=tmp_path / "run").fit(data, verbose=0)
    run = trainer(make(), run_dir=tmp_path / "run").fit(data, resume=True, verbose=0)
    for one, other in zip(whole.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    run.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    images = data.load(range(4), again.input_shape[1:3]).astype("float32")
    np.testing.assert_allclose(
        again.predict_on_batch(images), run.model.predict_on_batch(images), atol=1e-6
    )
    with pytest.raises(RunDirectoryError, match="head"):
        trainer(for_three, run_dir=tmp_path / "run").fit(data, resume=True, verbose=0)


def test_what_it_is_reads_the_same_in_every_process() -> None:
    assert encoded(head_of(of_layers())) == encoded(head_of(of_layers()))
    assert encoded(head_of(of_layers())) != encoded(head_of(layers.Dense(3, "softmax")))
    assert encoded(head_of(attentive)) != encoded(head_of(for_three))
    assert "for_three" in repr(trainer(for_three))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("softmax", r"head='softmax'; expected a tlkit\.Head"),
        (lambda: None, "expected a tlkit.Head"),
        (lambda x, units: layers.Dense(units)(x), "head.features, classes"),
        (lambda x: layers.Dense(3, "softmax")(x), r"shape \(None, .*, 3\).*Pooling2D"),
        (lambda _: 3, "makes int of features"),
        (lambda x: layers.Dense(5, "softmax")(layers.Flatten()(x)), r"\(None, 5\).*\(None, 3\)"),
        (lambda x: layers.Dense(3)(layers.Flatten()(x)), "expected probabilities that sum to 1"),
        (layers.Dense(3, "softmax"), "float32 probabilities"),
    ],
)
def test_what_gives_no_probabilities_says_what_to_give(head: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        trainer(head).fit(tlkit.testing.tiny_dataset(), verbose=0)
