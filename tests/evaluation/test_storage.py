"""An evaluation comes back from its file as it was, and nothing else is taken for one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tlkit import Evaluation
from tlkit.errors import EvaluationError

NAMES = ["a <b>bold</b> class", "ç\n\udcff", "三"]


@pytest.fixture
def full() -> Evaluation:
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(3), 50).astype(np.float32)
    digests = random.integers(0, 256, (50, 32), dtype=np.uint8)
    images = [f"dir/{number} \u2028.jpg" for number in range(50)]
    return Evaluation.from_predictions(
        random.integers(0, 3, 50), rows, NAMES, image_names=images, image_digests=digests
    )


def test_what_is_saved_is_loaded_bit_for_bit(full: Evaluation, tmp_path: Path) -> None:
    full.save(tmp_path / "validation.npz")
    again = Evaluation.load(str(tmp_path / "validation.npz"))
    assert isinstance(again, Evaluation)
    assert np.array_equal(again.y_true, full.y_true)
    assert np.array_equal(again.probabilities, full.probabilities)
    assert (again.class_names, again.image_names) == (full.class_names, full.image_names)
    assert full.image_digests is not None
    assert again.image_digests is not None
    assert np.array_equal(again.image_digests, full.image_digests)
    assert os.listdir(tmp_path) == ["validation.npz"]  # noqa: PTH208


def test_names_and_digests_may_be_unknown(good: Evaluation, tmp_path: Path) -> None:
    good.save(tmp_path / "any name")
    again = Evaluation.load(tmp_path / "any name")
    assert again.image_names is None
    assert again.image_digests is None
    assert again.interval("weighted_f1") == good.interval("weighted_f1")


def test_a_file_is_replaced_whole_or_not_at_all(
    full: Evaluation, good: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "validation.npz"
    full.save(file)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fail)
        with pytest.raises(EvaluationError, match="cannot be written: no space left"):
            good.save(file)
    assert len(Evaluation.load(file)) == 50
    assert [path.name for path in tmp_path.iterdir()] == ["validation.npz"]
    good.save(file)
    assert len(Evaluation.load(file)) == 600


def test_a_folder_must_exist(good: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"cannot be written.*folder that exists"):
        good.save(tmp_path / "none" / "validation.npz")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"there is no file .*evaluation\.save"):
        Evaluation.load(tmp_path / "validation.npz")


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "flipped", "other", "newer", "pickle"])
def test_what_is_no_evaluation_is_refused(full: Evaluation, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "validation.npz"
    full.save(file)
    data = file.read_bytes()
    if kind in ("empty", "text", "cut"):
        file.write_bytes({"empty": b"", "text": b"a,b\n", "cut": data[: len(data) // 2]}[kind])
    elif kind == "flipped":
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    elif kind == "other":
        np.savez(file, y_true=[1])
    elif kind == "newer":
        about = b'{"format": "tlkit evaluation", "version": 2}'
        np.savez(file, about=np.frombuffer(about, np.uint8))
    else:
        np.savez(file, about=np.array([{}], dtype=object))
    with pytest.raises(EvaluationError, match="no evaluation that this version of tlkit can read"):
        Evaluation.load(file)


def test_a_flipped_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "validation.npz"
    digests = np.arange(64, dtype=np.uint8).reshape(2, 32)
    Evaluation.from_predictions(
        [0, 1], np.eye(2), image_names=["a", "b"], image_digests=digests
    ).save(file)
    whole, known = file.read_bytes(), Evaluation.load(file)
    for place, byte in enumerate(whole):
        file.write_bytes(whole[:place] + bytes([byte ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            read = Evaluation.load(file)
        except EvaluationError:
            continue
        for name in ("y_true", "probabilities", "image_digests", "image_names", "class_names"):
            same = np.array_equal(getattr(read, name), getattr(known, name))
            assert same, f"the flip of byte {place} changed {name}"


def test_a_file_with_labels_of_other_classes_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "validation.npz"
    Evaluation.from_predictions([0, 1], np.eye(2)).save(file)
    with np.load(file) as found:
        content = {**found, "y_true": np.array([0, 7])}
    np.savez(file, **content)
    with pytest.raises(EvaluationError, match=r"validation\.npz holds what .*y_true\[1\] is 7"):
        Evaluation.load(file)
