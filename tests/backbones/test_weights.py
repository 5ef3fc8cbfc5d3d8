"""Pretrained weights: by name, from a file, and what is said where there are none."""

from __future__ import annotations

import http.client
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import tlkit
from tlkit.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from tlkit.errors import WeightsError
from tlkit.testing import tiny_backbone, tiny_model

FILES = "keras.src.utils.file_utils"
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Plain EfficientNetB0 with ImageNet's statistics, and the file of its weights."""
    model = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    statistics = model.get_layer("normalization")
    statistics.set_weights([np.array(IMAGENET_MEAN), np.array(IMAGENET_STD) ** 2, np.array(1)])
    statistics.finalize_state()
    file = tmp_path_factory.mktemp("weights") / "b0.weights.h5"
    model.save_weights(file)
    return model, file


def stem(model: Any) -> np.ndarray:
    """The first layer's output, which shows what the network was given."""
    return np.asarray(keras.Model(model.inputs[0], model.get_layer("stem_conv").output)(IMAGES))


def test_efficientnet_sees_the_same_with_weights_from_a_file_as_by_name(
    efficientnet: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, file = efficientnet
    monkeypatch.setattr(f"{FILES}.get_file", lambda *_, **__: str(file))
    by_name = tlkit.build_backbone("efficientnet_b0", image_size=32, weights="imagenet")
    by_file = tlkit.build_backbone("efficientnet_b0", image_size=32, weights=file)
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
        WeightsError, match=r"for 'vgg16': expected None, 'imagenet' or the path of a .*not exist"
    ):
        tlkit.build_backbone("vgg16", image_size=32, weights=weights)


def test_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsError, match=r"of that name is not a weights file"):
        tlkit.build_backbone("vgg16", image_size=32, weights=tmp_path / "weights.pt")


def test_name_that_the_backbone_does_not_know_is_an_error() -> None:
    with pytest.raises(WeightsError, match=r"weights='imagenet' for 'tiny': expected None or the"):
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
    for way_out in ("~/.keras/models", "weights=PATH", "weights=None", "tlkit-efficientnet-lite"):
        assert way_out in message
    assert list(tmp_path.rglob("*.h5")) == []
