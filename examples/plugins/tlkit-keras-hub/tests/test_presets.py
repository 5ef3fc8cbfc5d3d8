"""What is no preset of an image backbone is refused, with what was wrong and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_hub  # type: ignore[import-not-found, unused-ignore]
import numpy as np
import pytest
from small_presets import FAMILIES, SCALE, edit_json, models, raw_images, save_preset
from tlkit_keras_hub import spec_from_preset

import tlkit
from tlkit.errors import BackboneError, WeightsError


@pytest.fixture
def folder(tmp_path: Path, preset: Callable[[str], Path]) -> Path:
    """A preset that may be changed."""
    return Path(shutil.copytree(preset("vgg"), tmp_path / "vgg"))


def refusal(folder: Any, error: type[Exception] = BackboneError, **settings: Any) -> str:
    with pytest.raises(error) as caught:
        spec_from_preset(folder, **settings)
    return str(caught.value)


@pytest.mark.parametrize(
    "handle",
    ["kaggle://keras/resnet/keras/resnet_50", "hf://user/resnet", "modelscope://a/b", "gs://x/y"],
)
def test_an_address_is_refused_with_the_way_to_fetch_it(handle: str) -> None:
    message = refusal(handle)
    assert f"{handle!r} is an address, expected a local folder" in message
    assert f"from_preset({handle!r}).save_to_preset(FOLDER)" in message


def test_the_name_of_a_preset_on_a_hub_is_only_a_folder_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KerasHub would download it, whatever lies in the folder of that name."""
    monkeypatch.chdir(tmp_path)
    assert "resnet_50_imagenet does not exist" in refusal("resnet_50_imagenet")
    save_preset(tmp_path / "resnet_50_imagenet", FAMILIES["vgg"]())
    assert spec_from_preset("resnet_50_imagenet").family == "VGG"


def test_a_folder_that_is_missing_a_file_or_empty(tmp_path: Path) -> None:
    assert "nowhere does not exist, expected the folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is a file, expected the folder of a KerasHub preset" in refusal(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "has no config.json, expected a KerasHub preset" in refusal(tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "config.json cannot be read: Expecting property name"),
        ("[1]", "config.json holds a list, expected an object"),
        ("{}", "has no valid class_name, registered_name, config"),
        ('{"class_name": "A", "registered_name": 1, "config": {}}', "no valid registered_name"),
        ('{"model_type": "resnet"}', "is a checkpoint of Hugging Face Transformers"),
        ('{"architecture": "resnet18"}', "is a checkpoint of timm"),
        ('{"class_name": "Dense", "registered_name": "Dense", "config": {}}', "holds a 'Dense'"),
        ('{"class_name": "X", "registered_name": "a>X", "config": {}}', "does not know as a back"),
    ],
)
def test_a_config_that_is_damaged_or_of_something_else(
    text: str, problem: str, folder: Path
) -> None:
    (folder / "config.json").write_text(text)
    assert problem in refusal(folder)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "config.json cannot be read" in refusal(folder)


def test_a_text_model_is_refused_before_it_is_made(folder: Path) -> None:
    config = {"class_name": "GPT2Backbone", "registered_name": "keras_hub>GPT2Backbone"}
    (folder / "config.json").write_text(json.dumps({**config, "config": {}}))
    assert "holds a GPT2Backbone, which takes no images" in refusal(folder)


def test_a_network_of_other_images_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())["config"]
    edit_json(folder / "config.json", config={**config, "image_shape": [None, None, 4]})
    assert "takes inputs of [(None, None, None, 4)], expected one RGB image" in refusal(folder)


def test_settings_that_keras_hub_refuses(folder: Path) -> None:
    edit_json(folder / "config.json", config={"depth": 3})
    assert "KerasHub cannot make the VGGBackbone of" in refusal(folder)


def test_missing_weights(folder: Path) -> None:
    (folder / "model.weights.h5").unlink()
    message = refusal(folder, WeightsError)
    assert "has neither model.weights.h5 nor model.weights.json" in message


def test_damaged_weights(folder: Path) -> None:
    (folder / "model.weights.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert "model.weights.h5 are damaged" in refusal(folder, WeightsError)


def test_weights_that_are_cut_off(folder: Path) -> None:
    whole = (folder / "model.weights.h5").read_bytes()
    (folder / "model.weights.h5").write_bytes(whole[: len(whole) // 2])
    assert "model.weights.h5 are damaged" in refusal(folder, WeightsError)


def test_weights_of_another_architecture(folder: Path, preset: Callable[[str], Path]) -> None:
    shutil.copy(preset("densenet") / "model.weights.h5", folder)
    assert "do not fit" in refusal(folder, WeightsError)


def test_weights_of_a_deeper_network_that_keras_would_load_silently(folder: Path) -> None:
    models.VGGBackbone([2, 1, 1], [4, 8, 8]).save_weights(folder / "model.weights.h5")
    network = models.VGGBackbone([2, 1], [4, 8])
    network.load_weights(folder / "model.weights.h5")  # No word of it.
    assert (
        "they are 1,140 numbers, and the network that config.json describes takes 556"
        in refusal(folder, WeightsError)
    )


def test_weights_that_lack_a_layer(folder: Path) -> None:
    with h5py.File(folder / "model.weights.h5", "a") as file:
        del file["layers/conv2d_1"]
    assert "do not fit" in refusal(folder, WeightsError)


def sharded(folder: Path) -> Path:
    backbone = models.VGGBackbone([1, 1], [64, 64])
    random = np.random.default_rng(0)
    backbone.set_weights([random.uniform(0.1, 0.5, w.shape) for w in backbone.weights])
    backbone.save_to_preset(str(folder), max_shard_size=1.42e-4)
    keras_hub.layers.ImageConverter(image_size=(32, 32), scale=SCALE).save_to_preset(str(folder))
    assert len(list(folder.glob("model_*.weights.h5"))) == 2
    return folder


def test_weights_in_shards_are_loaded(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sharded")
    raw = raw_images(32, 32)
    model = tlkit.build_backbone(spec_from_preset(folder), weights="preset")
    expected = models.Backbone.from_preset(str(folder))(raw * np.asarray(SCALE, "float32"))
    assert np.allclose(np.asarray(model(raw)), np.asarray(expected), rtol=1e-5)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sharded")
    (folder / "model_00001.weights.h5").unlink()
    assert "['model_00001.weights.h5'] of them missing" in refusal(folder, WeightsError)


def test_a_shard_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "sharded")
    (folder / "model_00001.weights.h5").rename(tmp_path / "outside.weights.h5")
    edit_json(folder / "model.weights.json", weight_map={"/layers": "../outside.weights.h5"})
    assert "\"'../outside.weights.h5'\"] of them missing" in refusal(folder, WeightsError)


@pytest.mark.parametrize("name", ["ResNet", "my-net", "my net", "_net", "2net", "", "net_"])
def test_a_name_that_is_not_snake_case(name: str, folder: Path) -> None:
    message = refusal(folder, name=name)
    assert f"name={name!r}, expected snake case such as 'resnet_50_imagenet'" in message


def test_the_name_is_made_from_that_of_the_folder(folder: Path) -> None:
    assert spec_from_preset(folder.rename(folder.parent / "My VGG-11")).name == "my_vgg_11"


def test_a_preset_that_has_changed_since_is_not_built(folder: Path) -> None:
    spec = spec_from_preset(folder)
    edit_json(folder / "image_converter.json", class_name="Other")
    with pytest.raises(BackboneError, match="is not what it was when its backbone was made"):
        tlkit.build_backbone(spec, weights="preset")


def test_a_preset_that_is_gone_is_not_built(folder: Path) -> None:
    spec = spec_from_preset(folder)
    shutil.rmtree(folder)
    with pytest.raises(BackboneError, match="vgg does not exist"):
        tlkit.build_backbone(spec, weights="preset")


def test_weights_that_were_damaged_since_are_an_error_of_the_weights(folder: Path) -> None:
    spec = spec_from_preset(folder)
    size = (folder / "model.weights.h5").stat().st_size
    (folder / "model.weights.h5").write_bytes(b"\0" * size)
    with pytest.raises(WeightsError, match="do not fit"):
        tlkit.build_backbone(spec, weights="preset")
    assert tlkit.build_backbone(spec, weights=None)


def test_the_smallest_size_is_one_at_which_no_layer_runs_out_of_pixels(tmp_path: Path) -> None:
    backbone = models.VGGBackbone([1] * 6, [4] * 6)
    spec = spec_from_preset(save_preset(tmp_path / "deep", backbone, 96))
    assert (spec.default_size, spec.min_size) == (96, 64)
    assert tlkit.build_backbone(spec, image_size=64, weights=None).output_shape == (None, 1, 1, 4)
