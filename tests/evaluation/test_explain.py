"""Heat lies where the score comes from, on any backend and for any way to build a model."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tlkit
import tlkit.testing
from tests.conftest import thorough
from tlkit.backbones.all_cuts import with_all_cuts
from tlkit.errors import EvaluationError
from tlkit.evaluation.gradcam._gradients import Gradients
from tlkit.evaluation.gradcam.feature_map import cut_at_features

SIZE = 16


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


def flat_model() -> Any:
    """A backbone with a head of its own, as tlkit trains it."""
    import keras

    trunk = tlkit.testing.tiny_model(SIZE)
    return keras.Model(trunk.inputs[0], tlkit.Head(units=(6,)).build(trunk.outputs[0], 3, seed=1))


def as_layer_of_functional(model: Any) -> Any:
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    return keras.Model(image, model(keras.layers.RandomFlip()(image)))


def as_layer_with_a_list_of_inputs(model: Any) -> Any:
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    inner = keras.Model(model.inputs, model.outputs)
    return keras.Model([image], inner([image]))


def stem_as_sequential(model: Any) -> Any:
    """As ConvNeXt is built."""
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    x = keras.Sequential([keras.layers.Identity()])(image)
    below = keras.Model(model.inputs, model.get_layer("top_relu").output)
    x = below(x)
    for name in ("head_pool", "head_dense_1", "head_dropout_1", "probabilities"):
        x = model.get_layer(name)(x)
    return keras.Model([image], [x])


def as_layer_of_sequential(model: Any) -> Any:
    import keras

    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), model])


def trunk_and_head_as_layers(model: Any) -> Any:
    """What the usual tutorials build."""
    import keras

    trunk, top = model.get_layer("top_relu").output, keras.layers.Input((4, 4, 12))
    y = top
    for name in ("head_pool", "head_dense_1", "head_dropout_1", "probabilities"):
        y = model.get_layer(name)(y)
    image = keras.Input((SIZE, SIZE, 3))
    middle = keras.Model(model.inputs[0], trunk)(image)
    return keras.Model(image, keras.Model(top, y)(middle))


def softmax_as_layer(model: Any) -> Any:
    import keras

    last = model.get_layer("probabilities")
    x = keras.layers.Dense(3, name="logits")
    logits = x(model.get_layer("head_dropout_1").output)
    x.set_weights(last.get_weights())
    return keras.Model(model.inputs[0], keras.layers.Softmax()(logits))


def layers_called_again_with_a_new_end(model: Any) -> Any:
    """Its layers behind another, one by one: each layer has been in a model before."""
    import keras

    def again(x: Any, *names: str) -> Any:
        for name in names:
            x = model.get_layer(name)(x)
        return x

    image = keras.Input((SIZE, SIZE, 3))
    x = again(keras.layers.RandomFlip()(image), "preprocess", "stem_conv", "stem_bn", "stem_relu")
    x = again(x, "down_conv", "down_bn", "down_relu")
    y = again(x, "block_conv", "block_bn", "block_relu", "block_drop")
    x = model.get_layer("block_add")([x, y])
    x = again(x, "top_conv", "top_bn", "top_relu", "head_pool", "head_dense_1", "head_dropout_1")
    dense = keras.layers.Dense(3, "softmax")
    outputs = dense(x)
    dense.set_weights(model.get_layer("probabilities").get_weights())
    return keras.Model(image, outputs)


def test_heat_is_the_formula_of_the_paper(images: NDArray[np.uint8]) -> None:
    """Worked out by hand for pooling and one Dense layer, where the gradient is its kernel."""
    import keras

    trunk = tlkit.testing.tiny_model(SIZE)
    dense = keras.layers.Dense(3, "softmax", kernel_initializer=keras.initializers.HeNormal(3))
    model = keras.Model(
        trunk.input, dense(keras.layers.GlobalAveragePooling2D(name="pool")(trunk.output))
    )
    found = tlkit.explain(model, images, classes=2)
    features = np.asarray(keras.ops.convert_to_numpy(trunk(images, training=False)))
    kernel = np.asarray(dense.get_weights()[0])[:, 2]
    places = features.shape[1] * features.shape[2]
    heat = np.maximum(features @ (kernel / places), 0)
    cut = cut_at_features(model, images[:1])
    slopes = Gradients(cut, 5).of(features, [], np.eye(3, dtype=np.float32)[[2] * 5])
    np.testing.assert_allclose(slopes[:, 0, 0], np.tile(kernel / places, (5, 1)), atol=1e-7)
    bilinear = Image.Resampling.BILINEAR
    for picture, small in zip(found.heatmaps, heat.astype(np.float32), strict=True):
        large = np.asarray(Image.fromarray(small).resize((SIZE, SIZE), bilinear))
        assert large.max() > 0
        np.testing.assert_allclose(picture, large / large.max(), atol=1e-5)


@pytest.mark.parametrize("deep", [False, True])
def test_gradient_equals_the_backends_own(deep: bool, images: NDArray[np.uint8]) -> None:
    import keras

    cut = cut_at_features(deep_model() if deep else flat_model(), images[:1])
    features, beside = cut.features(images)
    chosen = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
    ours = Gradients(cut, 5).of(features, beside, chosen)
    more = [keras.ops.convert_to_tensor(each) for each in beside]
    theirs = own_gradient(keras.backend.backend(), cut, features, more, chosen)
    assert bool(beside) is deep
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    assert np.abs(ours).max() > 0


def test_of_a_head_that_reads_all_depths_the_last_map_is_asked(images: NDArray[np.uint8]) -> None:
    deep, last = tlkit.explain(deep_model(), images), tlkit.explain(flat_model(), images)
    assert deep.layer == last.layer
    assert tlkit.explain(deep_model(), images, layer="stem_relu").layer == "stem_relu"


def deep_model() -> Any:
    """The tiny backbone with a head that reads all of its depths."""
    import keras

    below = with_all_cuts(tlkit.testing.tiny_model(SIZE))
    return keras.Model(below.input, keras.layers.Dense(3, "softmax")(below.output))


def own_gradient(backend: str, cut: Any, features: Any, beside: Any, chosen: Any) -> Any:
    if backend == "tensorflow":
        tf = importlib.import_module("tensorflow")
        given = tf.constant(features)
        with tf.GradientTape() as tape:
            tape.watch(given)
            score = tf.reduce_sum(cut.following(given, *beside) * chosen)
        return tape.gradient(score, given).numpy()
    if backend == "jax":
        jax = importlib.import_module("jax")
        return np.asarray(jax.grad(lambda x: (cut.following(x, *beside) * chosen).sum())(features))
    torch = importlib.import_module("torch")
    given = torch.tensor(features, requires_grad=True)
    (cut.following(given, *beside) * torch.tensor(chosen)).sum().backward()
    return given.grad.numpy()


@pytest.mark.parametrize(
    "wrap",
    [
        as_layer_of_functional,
        as_layer_of_sequential,
        as_layer_with_a_list_of_inputs,
        stem_as_sequential,
        trunk_and_head_as_layers,
        softmax_as_layer,
        layers_called_again_with_a_new_end,
    ],
)
def test_heat_is_the_same_however_the_model_is_put_together(
    wrap: Any, images: NDArray[np.uint8]
) -> None:
    model = flat_model()
    expected = tlkit.explain(model, images)
    found = tlkit.explain(wrap(model), images)
    np.testing.assert_allclose(found.heatmaps, expected.heatmaps, atol=1e-5)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)
    assert found.layer == expected.layer == "top_relu"


def test_the_model_is_left_as_it_was(images: NDArray[np.uint8]) -> None:
    model = flat_model()
    model.get_layer("stem_conv").trainable = False
    before = [np.asarray(w) for w in model.get_weights()]
    flags = [layer.trainable for layer in model.layers]
    said = np.asarray(model.predict_on_batch(images))
    tlkit.explain(model, images)
    assert [layer.trainable for layer in model.layers] == flags
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(model.predict_on_batch(images), said)


def test_batches_do_not_matter(images: NDArray[np.uint8]) -> None:
    model = flat_model()
    one, two = (tlkit.explain(model, images, batch_size=size) for size in (5, 2))
    np.testing.assert_allclose(one.heatmaps, two.heatmaps, atol=1e-5)
    np.testing.assert_array_equal(one.classes, two.classes)


def test_heat_falls_on_what_the_class_is_known_by() -> None:
    """A model that counts red: the heat of "red" lies on the red corner, not on the blue one."""
    import keras

    image = keras.Input((32, 32, 3))
    x = keras.layers.AveragePooling2D(4, name="map")(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(2, "softmax")
    model = keras.Model(image, dense(keras.layers.GlobalAveragePooling2D()(x)))
    dense.set_weights([np.array([[9, 0], [0, 0], [0, 9]], np.float32), np.zeros(2, np.float32)])
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    picture[0, :16, :16, 0] = 255
    picture[0, 16:, 16:, 2] = 255
    red, blue = (
        tlkit.explain(model, picture, classes=label, layer="map").heatmaps[0] for label in (0, 1)
    )
    assert red[2:10, 2:10].min() > 0.9 > 0.1 > red[22:, 22:].max()
    assert blue[22:, 22:].min() > 0.9 > 0.1 > blue[2:10, 2:10].max()
    assert red.dtype == np.float32
    assert red.max() == 1


def test_images_need_no_labels(images: NDArray[np.uint8], tmp_path: Path) -> None:
    for place, pixels in enumerate(images):
        Image.fromarray(pixels).save(tmp_path / f"{place}.png")
    found = tlkit.explain(flat_model(), tlkit.ImageDataset.from_files(tmp_path))
    np.testing.assert_allclose(found.heatmaps, tlkit.explain(flat_model(), images).heatmaps)


def test_pictures(images: NDArray[np.uint8]) -> None:
    found = tlkit.explain(flat_model(), tlkit.ImageDataset.from_arrays(images, [0, 1, 2, 0, 1]))
    assert found.overlay().shape == images.shape
    assert found.overlay().dtype == np.uint8
    grey = np.rint(images.mean(axis=-1)).astype(np.uint8)
    np.testing.assert_array_equal(found.overlay(0)[..., 1], grey)
    assert found.plot(1).get_title() == f"class {found.classes[1]}, top_relu"
    assert repr(found) == "Explanation(5 images, layer 'top_relu')"
    with pytest.raises(EvaluationError, match=r"strength=2: expected a share"):
        found.overlay(2)
    with pytest.raises(EvaluationError, match=r"index=5: there are 5 images"):
        found.plot(5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": 3}, "classes holds 3, and the model knows 3 classes"),
        ({"classes": -1}, "classes holds -1; class numbers count from 0"),
        ({"classes": [0, 1]}, "expected one class number, or 5 of them"),
        ({"classes": 0.5}, "type float64"),
        ({"batch_size": 0}, "batch_size=0: expected 1 or more"),
        ({"layer": "nowhere"}, "layer='nowhere' gives no feature map .* top_relu"),
        ({"layer": "block_relu"}, "through which everything flows"),
    ],
)
def test_what_does_not_fit_is_refused(
    settings: dict[str, Any], message: str, images: NDArray[np.uint8]
) -> None:
    with pytest.raises(EvaluationError, match=message):
        tlkit.explain(flat_model(), images, **settings)


def test_a_model_or_image_of_another_kind_is_refused(images: NDArray[np.uint8]) -> None:
    import keras

    with pytest.raises(EvaluationError, match="is no model"):
        tlkit.explain("model", images)  # type: ignore[arg-type]
    with pytest.raises(EvaluationError, match=re.escape("images have shape (16, 16, 3)")):
        tlkit.explain(flat_model(), images[0])
    dense = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten()])
    with pytest.raises(EvaluationError, match="has no feature map"):
        tlkit.explain(dense, images)


def two_classes(images: NDArray[np.uint8]) -> tuple[Any, Any]:
    """One network that ends in a softmax of two, and in a single sigmoid."""
    import keras

    trunk = tlkit.testing.tiny_model(SIZE)
    x = keras.layers.GlobalAveragePooling2D()(trunk.output)
    one = keras.layers.Dense(1, "sigmoid", kernel_initializer=keras.initializers.HeNormal(2))
    two = keras.layers.Dense(2, "softmax")
    models = keras.Model(trunk.input, two(x)), keras.Model(trunk.input, one(x))
    kernel = np.asarray(one.get_weights()[0])
    values = np.sort((keras.Model(trunk.input, x).predict(images, verbose=0) @ kernel).ravel())
    middle = values[len(values) // 2 - 1 : len(values) // 2 + 1].mean()  # between two images
    one.set_weights([kernel, np.array([-middle])])
    two.set_weights([np.hstack([-kernel, kernel]), np.array([middle, -middle])])
    return models


@pytest.mark.parametrize("classes", [None, *thorough(0, 1)])
def test_a_single_sigmoid_is_explained_as_two_classes_are(
    classes: int | None, images: NDArray[np.uint8]
) -> None:
    softmax, sigmoid = two_classes(images)
    expected = tlkit.explain(softmax, images, classes)
    found = tlkit.explain(sigmoid, images, classes)
    assert found.classes.tolist() == expected.classes.tolist()
    assert classes is not None or set(found.classes) == {0, 1}
    np.testing.assert_allclose(found.heatmaps, expected.heatmaps, atol=1e-4)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3, atol=1e-5)
    with pytest.raises(EvaluationError, match="classes holds 2, and the model knows 2 classes"):
        tlkit.explain(sigmoid, images, 2)


def test_the_padding_after_a_map_is_not_asked(images: NDArray[np.uint8]) -> None:
    import keras

    trunk = tlkit.testing.tiny_model(SIZE)
    padded = keras.layers.ZeroPadding2D(3)(trunk.output)
    pool, dense = keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(3, "softmax")
    plain = keras.Model(trunk.input, dense(pool(trunk.output)))
    model = keras.Model(trunk.input, dense(pool(padded)))
    found, expected = tlkit.explain(model, images, 1), tlkit.explain(plain, images, 1)
    assert found.layer == expected.layer
    np.testing.assert_allclose(found.heatmaps, expected.heatmaps, atol=1e-5)


def test_a_map_without_weights_before_it_is_only_asked_by_name(images: NDArray[np.uint8]) -> None:
    import keras

    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.RandomFlip(name="flip")(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.Flatten()(x)))
    with pytest.raises(EvaluationError, match=r"weights before it; layers with .*flip"):
        tlkit.explain(model, images)
    assert tlkit.explain(model, images, layer="flip").layer == "flip"


def transformer(pool: str) -> Any:
    """Patches, a block of attention, and the mean of the tokens, or a class token."""
    import keras
    from keras import layers

    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(8, 4, strides=4, name="patches")(layers.Rescaling(1 / 255)(image))
    x = layers.Reshape((16, 8), name="row")(x)
    if pool == "class token":
        token = layers.Dense(8, name="token")(layers.GlobalAveragePooling1D(keepdims=True)(x) * 0)
        x = layers.Concatenate(axis=1, name="with_token")([token, x])
    x = layers.Add(name="block")([x, layers.MultiHeadAttention(2, 4)(x, x)])
    x = layers.LayerNormalization(name="norm")(x)
    x = x[:, 0] if pool == "class token" else layers.GlobalAveragePooling1D()(x)
    return keras.Model(image, layers.Dense(3, "softmax")(x), name="vit")


def test_tokens_are_put_back_into_their_grid(images: NDArray[np.uint8]) -> None:
    import keras

    model = transformer("mean")
    found = tlkit.explain(model, images, 2)
    assert found.layer == "norm"
    kernel = np.asarray(model.layers[-1].get_weights()[0])[:, 2]
    tokens = keras.Model(model.input, model.get_layer("norm").output).predict(images, verbose=0)
    heat = np.maximum(tokens @ (kernel / 16), 0).reshape(5, 4, 4).astype("float32")
    for picture, small in zip(found.heatmaps, heat, strict=True):
        large = np.asarray(Image.fromarray(small).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(picture * large.max(), large, atol=1e-5)


def test_a_class_token_is_refused_with_the_way_out(images: NDArray[np.uint8]) -> None:
    told = r"'row', with 17 tokens .* class token.* Name layer='row'"
    with pytest.raises(EvaluationError, match=told):
        tlkit.explain(transformer("class token"), images)
    assert tlkit.explain(transformer("class token"), images, layer="patches").layer == "patches"


@pytest.mark.parametrize("unknown", [0, 1, 2, 3])
def test_labels_that_the_model_does_not_know_matter_where_pictures_have_them(
    unknown: int, images: NDArray[np.uint8]
) -> None:
    model = SimpleNamespace(model=flat_model(), class_names=("a", "b", "c"))
    names = ["a", "b", "c"]
    names.insert(unknown, "new")
    labels = np.ones((5, 4), np.int64)
    with pytest.raises(EvaluationError, match="Unknown to the model: 'new'"):
        tlkit.explain(model, tlkit.MultiLabelDataset.from_arrays(images, labels, names))
    labels[:, unknown] = 0
    data = tlkit.MultiLabelDataset.from_arrays(images, labels, names)
    assert tlkit.explain(model, data).class_names == ("a", "b", "c")
