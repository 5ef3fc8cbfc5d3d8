"""The page says what was trained, how well it does and where it fails, in one safe file."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
import tlkit.testing
from tlkit import Evaluation
from tlkit.errors import EvaluationError
from tlkit.reporting._savings import Saving, saving

pytest.importorskip("jinja2", reason="reports are in the extra tlkit[report]")

EVIL = '<script>alert("x")</script>&amp;<img src=x onerror=alert(1)>'
SETTINGS = {
    "tlkit": "0.1.0",
    "backbone": {"name": "tiny", "distribution": "tlkit"},
    "stages": [
        {"class": "tlkit.Stage", "policy": {"class": "tlkit.FreezeAll"}, "augmentation": None},
        {"class": "tlkit.Stage", "policy": {"class": "tlkit.UnfreezeTop"}, "augmentation": {}},
    ],
    "image_size": 16,
    "preprocessing": "auto",
    "weights": "imagenet",
    "seed": 0,
    "train": {"images": "f" * 64, "count": 100, "class_names": ["a", "b", "c"]},
    "validation": {"images": "e" * 64, "count": 20, "class_names": ["a", "b", "c"]},
    "places": {"cache": "/home/somebody/secret"},
}
STAGE = {
    "name": "head",
    "history": {"loss": [2.0, 1.0], "val_loss": [2.1, 1.5], "val_accuracy": [0.4, 0.6]},
    "best_epoch": 1,
    "learning_rate": 0.001,
    "trained_layers": ["probabilities"],
    "trained_parameters": 39,
    "cut": "top_relu",
    "timings": {"features": 1.5, "search": 0.0, "training": 2.5},
    "notes": [],
}


class Page(HTMLParser):
    """What a test wants to know of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory of two stages, the second of which was cut off."""
    root = tmp_path / "run"
    write(root / "settings.json", SETTINGS)
    write(root / "stages" / "01-head" / "result.json", STAGE)
    curve = {
        "learning_rates": [1e-5, 1e-3, 1e-1],
        "losses": [2.0, 1.0, 3.0],
        "selector": {"name": "Valley"},
        "suggestions": {"Valley": 1e-3},
    }
    write(root / "stages" / "01-head" / "curve.json", curve)
    return root


def write(file: Path, data: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), "utf-8")


def questionnaire(names: list[str], seed: int = 0, strength: float = 1.5) -> Evaluation:
    random, count = np.random.default_rng(seed), len(names)
    truth = np.arange(60) % count
    logits = random.normal(size=(60, count))
    logits[np.arange(60), truth] += strength
    weights = np.exp(logits)
    return Evaluation.from_predictions(truth, weights / weights.sum(1, keepdims=True), names)


@pytest.fixture(scope="module")
def trained() -> tuple[Any, tlkit.ImageDataset]:
    data = tlkit.testing.tiny_dataset(images=24)
    trainer = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[tlkit.Stage("head", epochs=1, learning_rate=0.01)],
        weights=None,
        cache=False,
    )
    return trainer.fit(data, data), data


def test_a_result_and_its_images_make_a_whole_page(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    result, data = trained
    file = tlkit.report(
        result, tmp_path / "new" / "report.html", dataset=data, check=data.check(), benchmark=0.9
    )
    page = Page(file)
    assert "24 images checked, none is damaged." in page.text
    assert "class_0" in page.text
    assert "below the benchmark of 0.9000" in page.text
    assert "Grad-CAM at top_relu" in page.text
    found = tlkit.evaluate(result, data)
    assert f"{found.weighted_f1:.3f}" in page.text
    wrong = int((found.predictions != found.y_true).sum())
    assert f"{min(wrong, 12)} of {wrong} mistakes" in page.text
    assert list(file.parent.iterdir()) == [file], "nothing else is left behind"


def test_pictures_are_in_the_file_and_say_what_they_show(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    page = Page(tlkit.report(trained[0], tmp_path / "r.html", dataset=trained[1]))
    pictures = page.all("img")
    assert len(pictures) > 5
    for picture in pictures:
        kind, _, data = str(picture["src"]).partition(";base64,")
        assert kind in ("data:image/png", "data:image/jpeg")
        size = Image.open(io.BytesIO(base64.b64decode(data))).size
        assert size == (int(str(picture["width"])), int(str(picture["height"])))
        assert picture["alt"]


def test_nothing_is_fetched(run_dir: Path, tmp_path: Path) -> None:
    text = tlkit.report(run_dir, tmp_path / "r.html").read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](https?:)?//""", text)
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_a_run_directory_tells_what_was_trained_and_what_was_saved(
    run_dir: Path, tmp_path: Path
) -> None:
    page = Page(tlkit.report(run_dir, tmp_path / "r.html"))
    assert "1 of 2 stages are finished" in page.text
    # 120 images in two epochs, each through the trunk once.
    assert "240 passes in 1 of 1 stages" in page.text
    assert "Here 120 were run, and 120 were not" in page.text
    assert "This run was not evaluated" in page.text
    assert "Learning-rate search of head: 0.001 is suggested" in page.text
    assert "StagedTrainer.from_run" in page.text
    assert '"image_size": 16' in page.text
    assert "secret" not in page.text, "where things lie on a machine is nobody's business"


def test_names_with_html_in_them_are_text(run_dir: Path, tmp_path: Path) -> None:
    settings = json.loads(json.dumps(SETTINGS))
    settings["train"]["class_names"] = [EVIL, "b"]
    settings["weights"] = EVIL
    write(run_dir / "settings.json", settings)
    write(run_dir / "stages" / "01-head" / "result.json", {**STAGE, "name": EVIL, "cut": EVIL})
    found = questionnaire([EVIL, "b", "c"])
    named = Evaluation.from_predictions(
        found.y_true, found.probabilities, found.class_names, image_names=[EVIL] * 60
    )
    page = Page(
        tlkit.report(
            {EVIL: run_dir},
            tmp_path / "r.html",
            evaluations={EVIL: named, "other": questionnaire([EVIL, "b", "c"], 1)},
            dataset=tlkit.ImageDataset.from_arrays(
                np.zeros((60, 16, 16, 3), np.uint8), named.y_true, named.class_names
            ),
            title=EVIL,
            remarks=[EVIL],
            gains=[(EVIL, "other", EVIL)],
            benchmark=0.99,
        )
    )
    assert len(page.all("script")) == 1, "our own"
    assert all("onerror" not in picture for picture in page.all("img"))
    assert page.text.count(EVIL) >= 10
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
    assert "unsafe" not in str(policy), "a script that slipped in would not run"


def test_candidates_are_compared_and_steps_weighed(run_dir: Path, tmp_path: Path) -> None:
    named = {
        "weak": questionnaire(["a", "b", "c"], 1, 0.5),
        "strong": questionnaire(["a", "b", "c"], 2, 4.0),
    }
    page = Page(
        tlkit.report(
            run_dir, tmp_path / "r.html", evaluations=named, gains=[("weak", "strong", "Why?")]
        )
    )
    (pair,) = tlkit.compare(named).pairs
    assert pair.sentence in page.text
    assert "strong reaches a weighted F1" in page.text
    assert re.search(r"Why\?.*weak.*strong.*\+\d+\.\d.*better", page.text, re.DOTALL)
    close = tlkit.report(run_dir, tmp_path / "r.html", evaluations=named, detail="weak")
    assert "weak reaches a weighted F1" in Page(close).text


def test_headings_are_in_order_and_tables_have_heads(
    trained: tuple[Any, tlkit.ImageDataset], tmp_path: Path
) -> None:
    page = Page(tlkit.report(trained[0], tmp_path / "r.html", dataset=trained[1]))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.tags}
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    targets = [str(a["href"])[1:] for a in page.all("a")]
    assert set(targets) <= set(ids)
    assert len(ids) == len(set(ids))


def test_thousands_of_classes_stay_readable_and_say_what_is_left_out(
    run_dir: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 700, 1400)
    rows = np.full((1400, 700), 0.5 / 699)
    rows[np.arange(1400), np.where(random.random(1400) < 0.5, truth, 0)] = 0.5
    found = Evaluation.from_predictions(truth, rows / rows.sum(1, keepdims=True))
    file = tlkit.report(run_dir, tmp_path / "r.html", evaluations=found)
    assert "The 400 classes with a higher F1 are left out here" in Page(file).text
    assert file.stat().st_size < 1_500_000


ONNX = "engine: onnxruntime; 10.0 ms an image with keras, 2.0 with onnxruntime"
FRESH = {"policy": {"class": "tlkit.UnfreezeTop"}, "augmentation": {"rotation": 45}}
FIXED = {"policy": {"class": "tlkit.FreezeAll"}, "augmentation": None}


@pytest.mark.parametrize(
    ("notes", "asked", "expected"),
    [
        # 120 images in two epochs: 240 passes of plain Keras.
        ([ONNX], FIXED, Saving(240, 120, 240 * 0.010 - 120 * 0.002, "onnxruntime", 2.0)),
        (["features of 20 images read from the store"], FRESH, Saving(240, 200, None, "")),
        (["engine: keras; 5.0 ms an image with keras"], FIXED, Saving(240, 120, 0.6, "keras", 5.0)),
    ],
)
def test_savings_are_counted_from_the_stages_own_account(
    notes: list[str], asked: dict[str, Any], expected: Saving
) -> None:
    settings = {**SETTINGS, "stages": [asked]}
    found = saving({**STAGE, "notes": notes}, settings, 0)
    assert isinstance(found, Saving)
    assert found.seconds == pytest.approx(expected.seconds)
    assert dataclasses.replace(found, seconds=expected.seconds) == expected


def test_savings_that_cannot_be_counted_say_why() -> None:
    assert "no trunk" in str(saving({**STAGE, "cut": None}, SETTINGS, 0))
    assert "give its run_dir" in str(saving(STAGE, None, 0))
    gradual = {**SETTINGS, "stages": [{"policy": {"class": "tlkit.GradualUnfreeze"}}]}
    assert "may move the cut" in str(saving(STAGE, gradual, 0))


def test_what_does_not_fit_is_refused(run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.html"
    found, others = questionnaire(["a", "b", "c"]), tlkit.testing.tiny_dataset(images=24)
    with pytest.raises(EvaluationError, match=r"holds no run: there is no settings.json"):
        tlkit.report(tmp_path, file)
    with pytest.raises(EvaluationError, match="a report cannot be made of int"):
        tlkit.report(3, file)
    with pytest.raises(EvaluationError, match="no run in the mapping"):
        tlkit.report({}, file)
    with pytest.raises(EvaluationError, match="benchmark=55: expected a score"):
        tlkit.report(run_dir, file, benchmark=55)
    with pytest.raises(EvaluationError, match="detail='x' is no evaluation; expected one of 'run'"):
        tlkit.report(run_dir, file, evaluations=found, detail="x")
    with pytest.raises(EvaluationError, match="gains names 'x', of which there is no evaluation"):
        tlkit.report(run_dir, file, evaluations=found, gains=[("run", "x", "?")])
    with pytest.raises(EvaluationError, match="the dataset has 24 images and the evaluation 60"):
        tlkit.report(run_dir, file, evaluations=found, dataset=others)
    (run_dir / "stages" / "01-head" / "result.json").write_text("{", "utf-8")
    with pytest.raises(EvaluationError, match=r"result.json cannot be read: .* Train that stage"):
        tlkit.report(run_dir, file)
    assert not file.exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(run_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(EvaluationError, match=r"cannot be written to .*taken"):
        tlkit.report(run_dir, folder)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "taken"}


def test_missing_jinja_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(EvaluationError, match=r"pip install .*tlkit\[report\]"):
        tlkit.report(run_dir, tmp_path / "r.html")
