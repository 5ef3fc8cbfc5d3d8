"""Pretrained weights: by name, from a file, and what is said where there are none."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import urllib.error
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tests.conftest import QUICK_BACKEND, thorough
from tlkit.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tlkit.backbones.weights import load_file
from tlkit.errors import WeightsError
from tlkit.testing import tiny_backbone, tiny_model

FILES = "keras.src.utils.file_utils"
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")


def stem(model: Any) -> np.ndarray:
    """The first layer's output, which shows what the network was given."""
    return np.asarray(keras.Model(model.inputs[0], model.get_layer("stem_conv").output)(IMAGES))


def plain_efficientnet(number: int, file: Path) -> Any:
    """A plain EfficientNet with ImageNet's statistics, its weights saved in a file."""
    model = getattr(keras.applications, f"EfficientNetB{number}")(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    statistics = model.get_layer("normalization")
    statistics.set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD) ** 2, np.array(1)])
    statistics.finalize_state()
    model.save_weights(file)
    return model


@pytest.mark.parametrize("number", thorough(*range(8)))
def test_efficientnet_sees_the_same_with_weights_from_a_file_as_by_name(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, file = f"efficientnet_b{number}", tmp_path / "plain.weights.h5"
    keras.utils.clear_session()
    plain = plain_efficientnet(number, file)
    monkeypatch.setattr(f"{FILES}.get_file", lambda *_, **__: str(file))
    by_name = tlkit.build_backbone(name, image_size=32, weights="imagenet")
    by_file = tlkit.build_backbone(name, image_size=32, weights=file)
    np.testing.assert_allclose(stem(by_file), stem(by_name), atol=1e-4)
    pairs = zip(by_file.get_weights(), by_name.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    # What plain Keras makes of the same file: the trap that this is about.
    assert np.abs(stem(plain) - stem(by_name)).max() > 0.1 * np.abs(stem(by_name)).max()


@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_weights_come_back_from_a_file(ending: str, tmp_path: Path) -> None:
    model = tiny_model()
    for weight in model.weights:
        weight.assign(np.random.default_rng(1).uniform(0.1, 1, weight.shape))
    file = tmp_path / f"tiny{ending}"
    (model.save_weights if ending == ".weights.h5" else model.save)(file)
    for path in (file, str(file)):
        read = tlkit.build_backbone(tiny_backbone(), weights=path)
        pairs = zip(read.weights, model.weights, strict=True)
        assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def test_weights_saved_by_plain_keras_applications_fit(tmp_path: Path) -> None:
    network = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    network.save_weights(tmp_path / "own.weights.h5")
    model = tlkit.build_backbone("mobilenet_v2", image_size=32, weights=tmp_path / "own.weights.h5")
    assert all(
        np.array_equal(a, b)
        for a, b in zip(model.get_weights(), network.get_weights(), strict=True)
    )


@pytest.mark.parametrize("weights", ["imagnet", "no/such/file.weights.h5", Path("none.keras")])
def test_weights_that_do_not_exist_are_an_error(weights: Any) -> None:
    with pytest.raises(
        WeightsError,
        match=r"for 'vgg16': expected None or 'imagenet', or the path of a .*(Name one|no file)",
    ):
        tlkit.build_backbone("vgg16", image_size=32, weights=weights)


def test_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsError, match=r"weights\.pt is a file of another kind"):
        tlkit.build_backbone("vgg16", image_size=32, weights=tmp_path / "weights.pt")


def test_name_that_the_backbone_does_not_know_is_an_error() -> None:
    with pytest.raises(WeightsError, match=r"weights='imagenet' for 'tiny': expected None, or the"):
        tlkit.build_backbone(tiny_backbone())


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_of_another_architecture_are_an_error(ending: str, tmp_path: Path) -> None:
    image = keras.Input((16, 16, 3))
    other = keras.Model(image, keras.layers.Conv2D(7, 3)(image))
    file = tmp_path / f"other{ending}"
    (other.save if ending == ".keras" else other.save_weights)(file)
    with pytest.raises(
        WeightsError, match=r"(?s)do not fit 'tiny': .*saved from the same architecture without"
    ):
        tlkit.build_backbone(tiny_backbone(), weights=file)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "noise": lambda _: b"\x00\x01" * 500,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_damaged_weights_are_an_error(
    ending: str, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    model, file = tiny_model(), tmp_path / f"tiny{ending}"
    (model.save_weights if ending == ".weights.h5" else model.save)(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(WeightsError, match=rf"tiny{ending} do not fit 'tiny'"):
        tlkit.build_backbone(tiny_backbone(), weights=file)


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route"),
        urllib.error.HTTPError("https://example.org", 403, "Forbidden", None, None),  # type: ignore[arg-type]
        TimeoutError("timed out"),
        ConnectionResetError("reset by peer"),
        http.client.IncompleteRead(b""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_download_that_is_impossible_names_the_ways_out(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(f"{FILES}.urlretrieve", fail)
    monkeypatch.setattr(f"{FILES}.config.keras_home", lambda: str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        tlkit.build_backbone("mobilenet_v2", image_size=96)
    message = str(caught.value)
    assert message.startswith("The 'imagenet' weights of 'mobilenet_v2' could not be downloaded: ")
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"
    assert f"mobilenet_v2/{file} where there is a network and put it here as " in message
    assert f"models/{file};" in message
    for way_out in ("weights=PATH", "weights=None", "tlkit-efficientnet-lite"):
        assert way_out in message
    assert list(tmp_path.rglob("*.h5")) == []


def test_download_of_a_plugins_own_names_where_keras_keeps_files() -> None:
    def offline(image: Any, weights: Any) -> Any:  # noqa: ARG001
        raise ConnectionRefusedError("no route")

    spec = replace(tiny_backbone(), build=offline, weights=("mine",))
    with pytest.raises(WeightsError, match=r"'mine' weights of 'tiny' .*: no route\n.*~/\.keras"):
        tlkit.build_backbone(spec, weights="mine")


def test_file_that_a_plugin_left_out_is_told_as_that(tmp_path: Path) -> None:
    def incomplete(image: Any, weights: Any) -> Any:  # noqa: ARG001
        (tmp_path / "not_in_the_wheel.weights.h5").read_bytes()

    spec = replace(tiny_backbone(), build=incomplete, weights=("mine",), distribution="tlkit-mynet")
    with pytest.raises(
        WeightsError, match=r"(?s)'mine' weights .* not be opened.*'tlkit-mynet' names them and"
    ):
        tlkit.build_backbone(spec, weights="mine")


OFFLINE = """
import pathlib, re, socket
def refuse(*_): raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import tlkit
for attempt in range(2):
    try:
        tlkit.build_backbone("nasnet_mobile", image_size=224)
    except tlkit.TlkitError as error:
        print(error)
        path = pathlib.Path(re.search("put it here as (.*?);", str(error))[1])
        path.write_bytes(b"not the right file")
"""


@pytest.mark.slow
def test_keras_looks_where_the_message_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        env={**os.environ, "KERAS_HOME": str(tmp_path), **QUICK_BACKEND},
        capture_output=True,
        text=True,
        check=True,
    )
    # Keras calls this file otherwise than its address does.
    assert f"put it here as {tmp_path / 'models' / 'nasnet_mobile_no_top.h5'};" in done.stdout
    assert "NASNet-mobile-no-top.h5 where there is a network" in done.stdout
    assert "A local file was found, but it seems to be incomplete" in done.stdout


@pytest.mark.parametrize("ending", [".keras", *thorough(".weights.h5", ".h5")])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_wrong_file_says_which_layers_do_not_fit_and_how(ending: str, tmp_path: Path) -> None:
    other = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35
    )
    file = tmp_path / f"narrow{ending}"
    (other.save_weights if ending == ".weights.h5" else other.save)(file)
    with pytest.raises(WeightsError) as caught:
        tlkit.build_backbone("mobilenet_v2", image_size=32, weights=file)
    assert str(caught.value).splitlines() == [
        f"The weights in {file} do not fit 'mobilenet_v2': "
        "103 of its 104 layers with weights differ from the file's 104",
        "  Conv1: the file has (3, 3, 3, 16), the network (3, 3, 3, 32)",
        "  bn_Conv1: the file has 4 of (16,), the network 4 of (32,)",
        "  expanded_conv_depthwise: the file has (3, 3, 16, 1), the network (3, 3, 32, 1)",
        "  expanded_conv_depthwise_BN: the file has 4 of (16,), the network 4 of (32,)",
        "  expanded_conv_project: the file has (1, 1, 16, 8), the network (1, 1, 32, 16)",
        "  and 98 more",
        "Give a file that was saved from the same architecture without its top.",
    ]


def deep(blocks: int) -> Any:
    """A network of equal blocks, so that the weights of any fit any other."""
    x = image = keras.Input((16, 16, 3))
    for number in range(blocks):
        x = keras.layers.Conv2D(3, 3, padding="same", name=f"stage{number // 2}_conv{number % 2}")(
            x
        )
    return keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", name="last")(x))


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_of_a_deeper_network_are_not_taken_for_its_own(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"deep{ending}"
    deeper = deep(4)
    (deeper.save if ending == ".keras" else deeper.save_weights)(file)
    load_file(deep(4), file)
    with pytest.raises(
        WeightsError,
        match=r"5 layers with weights and the network 4, and 1 of them do not match.* 'last'",
    ):
        load_file(deep(3), file)


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_layers_of_layers_and_random_numbers_are_not_taken_for_more_layers(
    ending: str, tmp_path: Path
) -> None:
    image = keras.Input((4, 4, 3))
    x = keras.layers.Reshape((16, 3))(image)
    x = keras.layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x)
    inner = [keras.layers.Dense(5, name="a"), keras.layers.Dense(5, name="b")]
    x = keras.Sequential([*inner, keras.layers.Dropout(0.1)])(x)
    model = keras.Model(image, x)
    file = tmp_path / f"composite{ending}"
    (model.save if ending == ".keras" else model.save_weights)(file)
    load_file(model, file)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".keras", *thorough(".weights.h5")])
def test_top_in_a_file_is_left_out(ending: str, tmp_path: Path) -> None:
    whole = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3))
    file = tmp_path / f"whole{ending}"
    (whole.save if ending == ".keras" else whole.save_weights)(file)
    model = tlkit.build_backbone("mobilenet_v2", image_size=32, weights=file)
    pairs = zip(model.get_weights(), whole.get_weights(), strict=False)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.filterwarnings("ignore:.*legacy")
def test_file_with_a_top_is_told_so(tmp_path: Path) -> None:
    keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3)).save(tmp_path / "top.h5")
    with pytest.raises(WeightsError, match="layers that the network lacks: predictions"):
        tlkit.build_backbone("mobilenet_v2", image_size=32, weights=tmp_path / "top.h5")


def in_a_new_model(frozen: bool) -> tuple[Any, Any]:
    """The network as one layer of a model, as Keras's guide to transfer learning builds it."""
    base = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), alpha=1.0
    )
    base.set_weights([np.random.default_rng(1).random(w.shape) for w in base.get_weights()])
    base.trainable = not frozen
    image = keras.Input((32, 32, 3))
    x = base(keras.layers.Rescaling(1 / 127.5, offset=-1)(image), training=False)
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    return base, keras.Model(image, keras.layers.Dense(3)(x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "frozen"),
    [
        (".h5", True),
        *thorough((".keras", True), (".h5", False), (".weights.h5", True)),
        *thorough((".keras", False), (".weights.h5", False)),
    ],
)
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_network_is_found_inside_a_saved_model(ending: str, frozen: bool, tmp_path: Path) -> None:
    base, whole = in_a_new_model(frozen)
    file = tmp_path / f"whole{ending}"
    (whole.save_weights if ending == ".weights.h5" else whole.save)(file)
    model = tlkit.build_backbone("mobilenet_v2", image_size=32, weights=file)
    pairs = zip(model.weights, base.weights, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    with pytest.raises(WeightsError, match="do not fit 'mobilenet'"):
        tlkit.build_backbone("mobilenet", image_size=32, weights=file)
