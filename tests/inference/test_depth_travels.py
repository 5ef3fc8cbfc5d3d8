"""Pictures of more than 8 bits are read at the depth of the training, wherever a model goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.command.main import main
from tlkit.errors import DataError, EvaluationError
from tlkit.testing import tiny_backbone


def scans(root: Path, white: int, shown: int = 4095) -> Path:
    """16-bit pictures of two classes, dark and light, of which ``shown`` would be white."""
    random = np.random.default_rng(0)
    for name, level in (("dark", 0.2), ("light", 0.7)):
        (root / name).mkdir(parents=True)
        for number in range(6):
            values = (random.random((24, 24)) * 0.2 + level) * white * shown / 4095
            Image.fromarray(values.astype(np.uint16)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training on pictures whose values need 12 bits."""
    root = tmp_path_factory.mktemp("deep")
    stage = tlkit.Stage("head", epochs=8, learning_rate=0.05, batch_size=4)
    settings: dict[str, Any] = {"weights": None, "cache": False, "run_dir": root / "run"}
    data = tlkit.ImageDataset.from_directory(scans(root / "train", 4095))
    tlkit.StagedTrainer(tiny_backbone(), stages=[stage], **settings).fit(data, verbose=0)
    scans(root / "test", 1000)  # whose own depth would be 10 bits
    return root / "run"


ASKED: dict[str, tuple[Callable[[Any, Any], object], type[Exception]]] = {
    "evaluate": (tlkit.evaluate, EvaluationError),
    "calibrate": (tlkit.calibrate, EvaluationError),
    "explain": (tlkit.explain, EvaluationError),
    "predict": (lambda model, data: model.predict(data, verbose=0), DataError),
    "export": (
        lambda model, data: model.export("x.onnx", format="onnx", test=data, verbose=0),
        EvaluationError,
    ),
    "report": (lambda model, data: tlkit.report(model, "x.html", dataset=data), EvaluationError),
}


@pytest.mark.parametrize("what", list(ASKED))
def test_a_data_set_of_another_depth_is_refused_with_the_way_out(
    what: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = tlkit.training.read_run(run).result()
    own = tlkit.ImageDataset.from_directory(run.parent / "test")
    ask, error = ASKED[what]
    with pytest.raises(
        error, match=r"depth=12, and the dataset's are read with depth=10.*depth=12"
    ):
        ask(model, own)
    assert not list(tmp_path.iterdir())


def test_at_the_depth_of_the_training_all_of_them_see_the_same(run: Path) -> None:
    model, test = tlkit.Predictor(run), run.parent / "test"
    data = tlkit.ImageDataset.from_directory(test, depth=12)
    found = tlkit.evaluate(model, data)
    for given in (data, test):
        labels = model.predict(given, verbose=0).labels
        assert [found.class_names[number] for number in found.predictions] == list(labels)


def test_pictures_of_8_bits_have_no_depth_to_differ_in(run: Path, tmp_path: Path) -> None:
    for name in ("dark", "light"):
        (tmp_path / name).mkdir()
        Image.new("L", (24, 24), 99).save(tmp_path / name / "plain.png")
    plain = tlkit.ImageDataset.from_directory(tmp_path)
    assert len(tlkit.evaluate(tlkit.Predictor(run), plain)) == 2


def test_a_data_set_of_which_one_cannot_be_read_has_the_depth_of_the_others(
    run: Path, tmp_path: Path
) -> None:
    scans(tmp_path, 4095)
    (tmp_path / "dark" / "0.png").write_bytes(b"no picture")
    data = tlkit.ImageDataset.from_directory(tmp_path)
    rows = tlkit.Predictor(run).predict(data, verbose=0)
    assert data.depth == 12
    assert [bool(row.error) for row in rows] == [True] + [False] * 11


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_the_command_reads_at_the_depth_of_the_training(
    command: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test, page = str(run.parent / "test"), tmp_path / "page.html"
    if command == "report":
        assert main(["report", str(run), "--data", test, "--out", str(page)]) == 0
        return
    assert main(["evaluate", str(run), test, "--json"]) == 0
    data = tlkit.ImageDataset.from_directory(test, depth=12)
    expected = tlkit.evaluate(tlkit.Predictor(run), data)
    told = json.loads(capsys.readouterr().out)
    assert told["log_loss"] == pytest.approx(expected.log_loss)
