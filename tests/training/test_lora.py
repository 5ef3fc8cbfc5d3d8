"""LoRA: kernels change by products of low rank, and the model stays what it was."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import thorough
from tests.training.conftest import (
    HEAD,
    assembled,
    head_stage,
    largest_difference,
    same_weights,
    small_network,
    trainer,
    weights_of,
)
from tests.training.plain import fit_plainly, plain_model
from tests.training.test_resume import Data, Interrupt, run_with_interruptions
from tlkit._keras.layers import inner_layers
from tlkit.errors import PolicyError, TrainingError
from tlkit.freezing.head import Head
from tlkit.freezing.lora import low_rank_layers
from tlkit.freezing.low_rank import LowRank
from tlkit.freezing.whole_model import noise_start


def low_rank(**settings: Any) -> tlkit.Stage:
    """A stage that trains products of rank 2 beside all kernels of the small network."""
    given = {"policy": tlkit.LoRA(rank=2), "keep_best": None, "epochs": 3, **settings}
    return head_stage(**given)


def run(stage: tlkit.Stage, data: tlkit.ImageDataset, **settings: Any) -> Any:
    """The small network after a stage."""
    return trainer(stage, backbone=small_network, **settings).fit(data, verbose=0)


def plainly(data: tlkit.ImageDataset, stage: tlkit.Stage, trained: tuple[str, ...]) -> Any:
    """The small network with Keras's LoRA in some layers, trained by ``fit``."""
    model = plain_model(trained)
    for layer in model.layers:
        if layer.name in trained:
            start = noise_start(layer.name, 0, f"{stage.name}, LoRA")
            layer.enable_lora(2, a_initializer=keras.initializers.HeUniform(seed=start))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    fit_plainly(model, stage, data)
    return model


def test_it_is_what_keras_does_with_lora_enabled(data: tlkit.ImageDataset, tmp_path: Path) -> None:
    stage = low_rank()
    result = run(stage, data)
    trained = tuple(name for name in result.stages[0].trained_layers if name not in HEAD)
    plain = plainly(data, stage, trained)
    merged = assembled(small_network, Head(), None).model
    plain.save_weights(tmp_path / "plain.weights.h5")  # Keras saves kernels with their products
    merged.load_weights(tmp_path / "plain.weights.h5")
    assert largest_difference(merged, result.model) <= 2e-5
    start = weights_of(assembled(small_network, Head(), None).model)
    for path, value in weights_of(result.model).items():
        if path.endswith("conv/kernel"):
            change = (value - start[path]).reshape(-1, value.shape[-1])
            assert 1 <= np.linalg.matrix_rank(change, tol=1e-5) <= 2


def test_the_model_has_the_layers_and_weights_that_it_always_had(
    data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    result = run(low_rank(), data)
    assert not any(getattr(layer, "lora_enabled", False) for layer in result.model.layers)
    result.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    assert weights_of(opened).keys() == weights_of(result.model).keys()
    images = data.load([0, 1], 16).astype("float32")
    assert np.array_equal(
        opened.predict(images, verbose=0), result.model.predict(images, verbose=0)
    )


def test_the_preview_tells_that_the_products_are_beside_the_weights() -> None:
    shown = str(tlkit.LoRA(rank=2).preview(tlkit.testing.tiny_backbone()))
    products = 2 * (3 * 3 * 8 + 12)
    assert f"top_conv                  Conv2D              864 changed by {products}" in shown
    assert "trained: 478 beside 1,964 parameters, in 4 layers; 1,964 frozen; the head" in shown


def test_few_weights_are_trained_and_the_stage_tells_how_many(data: tlkit.ImageDataset) -> None:
    policy = tlkit.LoRA(rank=2, within=tlkit.UnfreezeTop(layers=3))
    (stage,) = run(low_rank(policy=policy), data).stages
    kernel = next(x for x in small_network().layers if x.name == stage.trained_layers[0]).kernel
    *sides, inputs, outputs = kernel.shape
    products = 2 * (int(np.prod(sides)) * inputs + outputs)
    (phase,) = tlkit.preview(policy, small_network(), epochs=1).phases
    biases = phase.trained_parameters - products
    assert biases in (0, outputs)
    head = outputs * len(data.class_names) + len(data.class_names)
    assert stage.trained_parameters == phase.trained_parameters + head


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": partial(keras.optimizers.Adam, use_ema=True, ema_momentum=0.5)},
        *thorough(
            {"keep_best": "val_loss"},
            {"policy": tlkit.LoRA(rank=2, within=tlkit.GradualUnfreeze(groups=2, every=2))},
            {"callbacks": ("stop",)},
        ),
    ],
)
def test_interrupted_training_ends_with_the_same_weights(
    parts: Data, tmp_path: Path, settings: dict[str, Any]
) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stops = keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)
        more = (stops,) if "callbacks" in settings else ()
        stage = low_rank(**{**settings, "callbacks": (*more, Interrupt("head"))})
        return trainer(stage, backbone=small_network, run_dir=tmp_path / folder, seed=3)

    whole = make("whole").fit(*parts, verbose=0)
    places = [("head", "epoch end", 0), ("head", "batch end", 1), ("head", "epoch end", 2)]
    resumed = run_with_interruptions(partial(make, "resumed"), parts, places)
    assert same_weights(whole.model, resumed.model)
    assert whole.history == resumed.history


@pytest.mark.parametrize("keep_best", ["val_loss", *thorough(None)])
def test_the_kept_epoch_is_validated_as_it_is_saved(parts: Data, keep_best: Any) -> None:
    train, validation = parts
    stage = low_rank(keep_best=keep_best, learning_rate=0.05, metrics=())
    result = trainer(stage, backbone=small_network).fit(train, validation, verbose=0)
    told = result.history["head"]["val_loss"][result.stages[0].best_epoch]
    assert tlkit.evaluate(result, validation).log_loss == pytest.approx(told, abs=1e-4)


def test_callbacks_see_the_products_in_the_kernels(data: tlkit.ImageDataset) -> None:
    seen: list[Any] = []

    class Look(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(weights_of(self.model))

    result = run(low_rank(callbacks=(Look(),)), data)
    end = weights_of(result.model)
    assert all(np.array_equal(seen[-1][path], value) for path, value in end.items())
    assert any(not np.array_equal(seen[0][path], value) for path, value in end.items())


@pytest.mark.slow
def test_a_search_leaves_the_model_as_it_was(data: tlkit.ImageDataset) -> None:
    finder = tlkit.ExponentialLRFinder(
        1e-4, 1e-1, steps=4, unit="batch", selector=lambda curve: float(curve.learning_rates[1])
    )
    searched = run(low_rank(learning_rate=finder, epochs=1), data)
    (stage,) = searched.stages
    known = run(low_rank(learning_rate=stage.learning_rate, epochs=1), data)
    assert same_weights(searched.model, known.model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tlkit.LoRA(rank=0), r"LoRA\(rank=0\): expected a whole number from 1"),
        (lambda: tlkit.LoRA(rank=2.5), "expected a whole number"),  # type: ignore[arg-type]
        (lambda: tlkit.LoRA(rank=True), "expected a whole number"),
        (lambda: tlkit.LoRA(within="top"), "expected a policy that trains whole layers"),  # type: ignore[arg-type]
        (lambda: tlkit.LoRA(within=tlkit.LoRA()), "expected a policy that trains whole layers"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make: Any, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make()


@pytest.mark.parametrize("name", ["layer_decay", "backbone_learning_rate", "l2_sp"])
def test_what_is_for_the_backbones_own_weights_is_refused_beside_it(name: str) -> None:
    with pytest.raises(TrainingError, match=rf"{name}=0.5 with policy=LoRA\(rank=2\), which"):
        low_rank(**{name: 0.5})


def test_a_backbone_without_such_layers_is_refused(data: tlkit.ImageDataset) -> None:
    def depthwise() -> Any:
        images = keras.Input((16, 16, 3))
        return keras.Model(images, keras.layers.DepthwiseConv2D(3)(images))

    with pytest.raises(
        PolicyError, match=r"none of the 1 layers .* with weights are DepthwiseConv2D"
    ):
        trainer(low_rank(), backbone=depthwise).fit(data, verbose=0)


def test_a_policy_within_may_answer_as_any_policy(data: tlkit.ImageDataset) -> None:
    def each(layers: Any, epoch: int) -> Any:  # noqa: ARG001
        return (layer for layer in layers)

    def nothing(layers: Any, epoch: int) -> Any:  # noqa: ARG001
        return None

    layers = small_network().layers
    assert list(tlkit.LoRA(within=each)(layers, 0)) == list(tlkit.LoRA()(layers, 0))
    with pytest.raises(PolicyError, match="returned None for epoch 0"):
        run(low_rank(policy=tlkit.LoRA(within=nothing)), data)
    with pytest.raises(PolicyError, match=r"none of the 0 layers .* with weights are none"):
        run(low_rank(policy=tlkit.LoRA(within=tlkit.FreezeAll())), data)


def test_a_function_that_asks_a_lora_is_told_to_give_it(data: tlkit.ImageDataset) -> None:
    lora = tlkit.LoRA(2)
    wrapped = head_stage(policy=lambda layers, epoch: lora(layers, epoch))
    with pytest.raises(PolicyError, match=r"Give the LoRA itself, policy=LoRA\(\.\.\.\), and what"):
        trainer(wrapped).fit(data, verbose=0)


def test_layers_with_a_constraint_stay_frozen() -> None:
    held = keras.layers.Dense(3, kernel_constraint="non_neg")
    free = keras.layers.Dense(3)
    for layer in (held, free):
        layer.build((None, 2))
    assert tlkit.LoRA()([held, free], 0) == [free]


def test_without_layers_nothing_is_done() -> None:
    model = small_network()
    assert LowRank().within(model) is model


@keras.saving.register_keras_serializable("tlkit tests")
class Block(keras.layers.Layer):  # type: ignore[misc]
    """Attention and a dense layer in one, with a token of its own, dropout and BatchNormalization.

    Args:
        dropout: Share of what the dense layer gives that is dropped.
    """

    def __init__(self, dropout: float = 0.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.dropout = dropout
        self.attention = _attention("attention")
        self.others = [
            keras.layers.LayerNormalization(name="norm"),
            keras.layers.BatchNormalization(name="batch_norm"),
        ]
        self.dense = keras.layers.Dense(8, "gelu", kernel_initializer=_drawn(2), name="dense")
        self.drop = keras.layers.Dropout(dropout)

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, 8), initializer="ones", name="token")
        self.attention.build(shape, shape)
        for layer in (*self.others, self.dense):
            layer.build(shape)

    def call(self, x: Any, training: Any = None) -> Any:
        x = x + self.token
        x = x + self.attention(x, x, training=training)
        x = self.others[1](self.others[0](x), training=training)
        return x + self.drop(self.dense(x), training=training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}


def _attention(name: str) -> Any:
    return keras.layers.MultiHeadAttention(2, 4, kernel_initializer=_drawn(1), name=name)


def _drawn(seed: int) -> Any:
    return keras.initializers.GlorotUniform(seed=seed)


def transformer(dropout: float = 0.0) -> Any:
    """Patches, attention as a layer of the model, a block of layers, and their mean."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    x = keras.layers.Conv2D(8, 4, 4, kernel_initializer=_drawn(3), name="patches")(x)
    x = keras.layers.Reshape((16, 8), name="tokens")(x)
    x = keras.layers.Add()([x, _attention("first")(x, x)])
    x = Block(dropout, name="block")(x)
    return keras.Model(image, keras.layers.GlobalAveragePooling1D(name="mean")(x))


def test_layers_inside_attention_and_blocks_learn_and_all_else_of_them_stays(
    data: tlkit.ImageDataset,
) -> None:
    result = trainer(low_rank(), backbone=transformer).fit(data, verbose=0)
    start, end = weights_of(transformer()), weights_of(result.model)
    changed = {path for path, value in start.items() if not np.array_equal(value, end[path])}
    kernels = {path for path in changed if path.endswith("kernel")}
    assert {path.rpartition("/")[0] for path in kernels} == {
        "patches",
        *(f"first/{name}" for name in ("query", "key", "value", "attention_output")),
        *(f"block/attention/{x}" for x in ("query", "key", "value", "attention_output")),
        "block/dense",
    }
    assert {path.rpartition("/")[2] for path in changed} == {"kernel", "bias"}
    for path in kernels:
        change = end[path] - start[path]
        wide = change.reshape(*((-1, change.shape[-1]) if "patches" in path else change.shape))
        if wide.ndim == 2:
            assert np.linalg.matrix_rank(wide, tol=1e-5) <= 2, path
    assert not any(getattr(x, "lora_enabled", False) for x in _inside(result.model))
    shown = str(tlkit.LoRA(rank=2).preview(transformer()))
    assert "MultiHeadAttention" in shown
    assert "changed by" in shown


def _inside(model: Any) -> list[Any]:
    return [x for layer in model.layers for x in (layer, *inner_layers(layer))]


def test_inside_layers_it_is_what_keras_does_with_lora_enabled(
    data: tlkit.ImageDataset, tmp_path: Path
) -> None:
    # A key's bias has a gradient that is all rounding, of which Adam would make whole steps.
    stage = low_rank(optimizer="sgd", learning_rate=0.1)
    result = trainer(stage, backbone=transformer).fit(data, verbose=0)
    parts = assembled(transformer, Head(), None)
    for layer in parts.backbone:
        able = low_rank_layers(layer)
        for each in (layer, *inner_layers(layer)):
            for variable in each.weights:
                variable.trainable = False
            if isinstance(each, keras.layers.BatchNormalization):
                each.trainable = False
        for place, each in enumerate(able):
            name = layer.name if each is layer else f"{layer.name}/{place}"
            seed = noise_start(name, 0, f"{stage.name}, LoRA")
            for variable in each.weights:
                variable.trainable = True
            each.enable_lora(2, a_initializer=keras.initializers.HeUniform(seed=seed))
    model = parts.model
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    fit_plainly(model, stage, data)
    model.save_weights(tmp_path / "plain.weights.h5")
    merged = assembled(transformer, Head(), None).model
    merged.load_weights(tmp_path / "plain.weights.h5")
    assert largest_difference(merged, result.model) <= 2e-5


def test_dropout_inside_goes_on_after_an_interruption(parts: Data, tmp_path: Path) -> None:
    def make(folder: str) -> tlkit.StagedTrainer:
        stage = low_rank(callbacks=(Interrupt("head"),))
        network = partial(transformer, 0.3)
        return trainer(stage, backbone=network, run_dir=tmp_path / folder, seed=3)

    whole = make("whole").fit(*parts, verbose=0)
    places = [("head", "epoch end", 0), ("head", "batch end", 1)]
    resumed = run_with_interruptions(partial(make, "resumed"), parts, places)
    assert same_weights(whole.model, resumed.model)
    again = make("again").fit(*parts, verbose=0)
    assert same_weights(whole.model, again.model)
    still = trainer(low_rank(), backbone=transformer, seed=3).fit(*parts, verbose=0)
    assert not same_weights(whole.model, still.model)


def test_a_layer_that_holds_other_things_when_it_is_made_again_is_told() -> None:
    class Forgets(Block):
        """Its config does not tell how many layers it holds."""

        def __init__(self, more: int = 0, **settings: Any) -> None:
            super().__init__(**settings)
            self.more = [keras.layers.Dense(8) for _ in range(more)]

        def call(self, x: Any, training: Any = None) -> Any:
            for layer in self.more:
                x = layer(x)
            return super().call(x, training=training)

    def network() -> Any:
        tokens = keras.Input((16, 16, 3))
        x = keras.layers.Reshape((96, 8))(tokens)
        x = Forgets(2, name="forgets")(x)
        return keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(x))

    with pytest.raises(
        PolicyError, match=r"'forgets' cannot be copied.*holds other layers.*from_layer"
    ):
        trainer(low_rank(), backbone=network).fit(tlkit.testing.tiny_dataset(), verbose=0)
