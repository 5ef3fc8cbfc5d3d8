"""What a saved model takes along, and that plain Keras reads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import tlkit
from tests.inference.conftest import Trained
from tlkit.errors import PredictionError
from tlkit.inference import ModelContract, read_contract, saving

NAMES = st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True)


@given(NAMES, st.tuples(st.integers(1, 9999), st.integers(1, 9999)), st.none() | st.integers(9, 16))
def test_a_contract_comes_back(names: list[str], size: tuple[int, int], depth: int | None) -> None:
    contract = ModelContract(tuple(names), size, depth)
    encodable = contract.to_json().encode("utf-8", "surrogatepass")
    assert ModelContract.from_json(encodable.decode("utf-8", "surrogatepass")) == contract


def test_plain_keras_loads_it_and_any_program_reads_the_names(
    trained: Trained, tmp_path: Path
) -> None:
    trained.result.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    images = trained.dataset.load(range(8), 16)
    np.testing.assert_allclose(
        model.predict(images, verbose=0), trained.result.model.predict(images, verbose=0), atol=1e-6
    )
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        told = json.loads(archive.read("tlkit.json"))
    assert tuple(told["class_names"]) == trained.dataset.class_names
    assert told["image_size"] == [16, 16]


def test_a_model_of_any_size_gives_the_labels_of_pictures_as_people_load_them(
    trained: Trained, tmp_path: Path
) -> None:
    trained.result.save(tmp_path / "any.keras", input="any size")
    model = keras.saving.load_model(tmp_path / "any.keras")
    random, files = np.random.default_rng(0), []
    for number, size in enumerate([(16, 16), (40, 31), (23, 64), (9, 12), (200, 150)]):
        picture = Image.fromarray(trained.dataset.load([number * 3], 16)[0])
        large = picture.resize(size, Image.Resampling.BICUBIC)
        noise = random.integers(-9, 10, np.asarray(large).shape)
        noisy = np.clip(np.asarray(large).astype(int) + noise, 0, 255).astype("uint8")
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(noisy).save(files[-1])
    rows = trained.result.predict(files, top=None, verbose=0)
    for file, row in zip(files, rows, strict=True):
        as_people_do = keras.utils.img_to_array(keras.utils.load_img(file))[None]
        output = model.predict(as_people_do, verbose=0)[0]
        label = trained.dataset.class_names[int(output.argmax())]
        assert label == row.label
        assert output.max() == pytest.approx(row.probability, abs=1e-5)
    assert np.asarray(model(as_people_do))[0] == pytest.approx(output, abs=1e-6)
    again = tlkit.Predictor(tmp_path / "any.keras")
    assert again.image_size == (16, 16)
    assert again.model.input_shape == (None, 16, 16, 3)  # nothing resizes what is read so
    assert list(again.predict(files, top=None, verbose=0)) == list(rows)
    larger = tlkit.Predictor(tmp_path / "any.keras", image_size=20)
    assert len(larger.predict(files, verbose=0).labels) == len(files)


def test_a_model_of_any_size_puts_transparent_pictures_on_white(
    trained: Trained, tmp_path: Path
) -> None:
    trained.result.save(tmp_path / "any.keras", input="any size")
    model = keras.saving.load_model(tmp_path / "any.keras")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 31, 4), np.uint8)
    pixels[:20, :, 3] = 0
    full = Image.fromarray(pixels)
    palette = full.quantize(16)
    grey = full.convert("LA")
    files = [tmp_path / name for name in ("full.png", "palette.png", "grey.png", "opaque.png")]
    for file, picture in zip(files, (full, palette, grey, full.convert("RGB")), strict=True):
        picture.save(file)
    with Image.open(files[1]) as picture:
        assert picture.has_transparency_data
    rows = trained.result.predict(files, top=None, verbose=0)
    for file, row in zip(files, rows, strict=True):
        loaded = keras.utils.load_img(file, color_mode="rgba")
        output = model.predict(keras.utils.img_to_array(loaded)[None], verbose=0)[0]
        told = [
            dict(zip(row.labels, row.probabilities, strict=True))[x]
            for x in trained.dataset.class_names
        ]
        np.testing.assert_allclose(output, told, atol=1e-5)


def test_a_flipped_byte_is_found(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    trained.result.save(file)
    content = bytearray(file.read_bytes())
    for place in range(0, len(content), len(content) // 7):
        damaged = tmp_path / "damaged.keras"
        changed = content.copy()
        changed[place] ^= 4
        damaged.write_bytes(changed)
        with pytest.raises(PredictionError, match="save the model again"):
            tlkit.Predictor(damaged)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK no archive", b"not even that"],
    ids=["empty", "cut short", "another file"],
)
def test_what_is_no_model_is_told(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.keras"
    file.write_bytes(content)
    with pytest.raises(PredictionError, match="cannot be read as a saved model"):
        tlkit.Predictor(file)


@pytest.mark.parametrize(
    "document",
    ["[]", "{}", '{"format": "tlkit model", "version": 99}', "no json", None],
)
def test_a_contract_that_is_none_is_told(
    document: str | None, trained: Trained, tmp_path: Path
) -> None:
    file = tmp_path / "x.keras"
    trained.result.model.save(file)
    if document is None:
        assert read_contract(file) is None
        return
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("tlkit.json", document)
    with pytest.raises(PredictionError, match="cannot be read as a saved model"):
        read_contract(file)


def test_a_full_disk_leaves_the_file_that_was_there(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.keras"
    trained.result.save(file)
    before = file.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "seal_archive", full)
    with pytest.raises(PredictionError, match="No space left"):
        trained.result.save(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("name", "input", "told"),
    [("x.h5", "any size", "ends in '.h5'"), ("x.keras", "any", "expected 'model size' or")],
)
def test_what_cannot_be_saved_so_is_told(
    name: str, input: Any, told: str, trained: Trained, tmp_path: Path
) -> None:
    with pytest.raises(PredictionError, match=told):
        trained.result.save(tmp_path / name, input=input)
    assert not list(tmp_path.iterdir())
