"""From a folder of pictures to a model, its figures and a report; and on from there."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tlkit
import tlkit.testing
from tests.command.conftest import BRIEF, save_pictures
from tlkit.command.main import main

pytestmark = pytest.mark.usefixtures("tiny_installed")


@dataclass(frozen=True)
class Trained:
    """What a training left and printed."""

    out: Path
    answer: dict[str, Any]
    said: str


@pytest.fixture(scope="module")
def trained(
    pictures: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_installed: None,  # noqa: ARG001 - while it is trained
) -> Trained:
    """One training for all tests, which change nothing of it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    printed, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
        assert main(["train", str(pictures), *BRIEF, "--out", str(out), "--json"]) == 0
    return Trained(out, json.loads(printed.getvalue()), said.getvalue())


def test_a_plan_is_printed_and_nothing_is_trained(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", str(pictures), *BRIEF, "--out", str(out), "--plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [stage["name"] for stage in plan["stages"]] == ["probe", "fine-tune"]
    assert plan["stages"][0]["frozen"]["passes"] == plan["train"] + plan["validation"] == 36
    assert 0 < plan["time"]["low"] < plan["time"]["high"]
    assert not out.exists()


def test_a_folder_becomes_a_model_with_figures_and_a_report(trained: Trained) -> None:
    lines = [line.split() for line in trained.said.splitlines()]
    assert ["class", "training", "validation"] in lines
    counts = [[int(x) for x in line[1:]] for line in lines if line and line[0].startswith("class_")]
    assert [sum(column) for column in zip(*counts, strict=True)] == [29, 7]
    assert ["together", "29", "7"] in lines
    assert trained.answer["images"] == {"train": 29, "validation": 7}
    assert Path(trained.answer["model"]) == trained.out / "model.keras"
    assert (trained.out / "model.keras").is_file()
    page = Path(trained.answer["report"]).read_text("utf-8")
    assert "<html" in page
    assert "What training added" in page
    assert [stage["name"] for stage in trained.answer["stages"]] == ["probe", "fine-tune"]
    found = trained.answer["evaluation"]
    low, high = found["intervals"]["accuracy"]
    assert low <= found["accuracy"] <= high
    assert found["class_names"] == ["class_0", "class_1", "class_2"]


def test_the_answer_is_for_people_too_and_a_finished_run_is_gone_on_with(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(trained.out, tmp_path / "run")
    assert main(["train", str(pictures), *BRIEF, "--out", str(out), "--resume"]) == 0
    answer = capsys.readouterr().out
    accuracy = trained.answer["evaluation"]["accuracy"]
    assert f"accuracy           {accuracy:.4f}  [" in answer
    assert f"model   {out / 'model.keras'}" in answer
    assert f"report  {out / 'report.html'}" in answer


def test_without_jinja2_everything_but_the_report_is_there(
    trained: Trained,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = shutil.copytree(trained.out, tmp_path / "run")
    (out / "report.html").unlink()
    monkeypatch.setitem(sys.modules, "jinja2", None)  # importing it now fails
    assert main(["train", str(pictures), *BRIEF, "--out", str(out), "--resume", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["report"] is None
    assert 'python -m pip install "tlkit[report]"' in printed.err
    assert f"tlkit report {out}" in printed.err


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_is(
    trained: Trained, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(trained.out.rglob("*"))
    assert main(["train", str(pictures), *BRIEF, "--out", str(trained.out)]) == 1
    assert "--resume" in capsys.readouterr().err
    assert sorted(trained.out.rglob("*")) == before


def test_other_settings_do_not_go_on_with_a_run(
    trained: Trained, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(pictures), *BRIEF, "--out", str(trained.out), "--resume"]
    assert main([*words, "--image-size", "24"]) == 1
    said = capsys.readouterr().err
    assert "image_size" in said
    assert "Here run_dir is --out DIR" in said


def test_a_run_is_evaluated_by_its_own_classes(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = save_pictures(tmp_path / "others", images=18, seed=0)
    (others / "class_0").rename(others / "unused")
    shutil.rmtree(others / "unused")
    file = tmp_path / "figures" / "evaluation.json"
    assert main(["evaluate", str(trained.out), str(others), "--json", "--out", str(file)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == json.loads(file.read_text("utf-8"))
    assert answer["images"] == 12
    assert answer["class_names"] == ["class_0", "class_1", "class_2"]
    assert answer["was_trained_on_these"] is False


def test_figures_of_the_pictures_of_the_training_are_told_apart(
    trained: Trained, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(trained.out), str(pictures)]) == 0
    assert "The run was trained on these pictures" in capsys.readouterr().out


def test_a_moved_file_knows_its_classes(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shutil.copy(trained.out / "model.keras", tmp_path)
    assert main(["evaluate", str(file), str(pictures), "--class-names", "a,b,c"]) == 1
    assert "knows its classes: class_0, class_1, class_2" in capsys.readouterr().err


def test_the_classes_of_a_file_of_keras_are_told_or_taken_in_order(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plain.keras"
    tlkit.Predictor(trained.out).model.save(file)
    words = ["evaluate", str(file), str(pictures), "--json"]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "does not know its classes" in printed.err
    in_order = json.loads(printed.out)["log_loss"]
    assert main([*words, "--class-names", "class_1,class_2,class_0"]) == 0
    printed = capsys.readouterr()
    assert "does not know its classes" not in printed.err
    assert json.loads(printed.out)["log_loss"] != in_order


def test_a_report_is_written_of_a_run_alone_and_with_pictures(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ([], ["--data", str(pictures)]):
        page = tmp_path / f"{len(more)}.html"
        assert main(["report", str(trained.out), *more, "--out", str(page)]) == 0
        assert str(page) in capsys.readouterr().out
        assert "fine-tune" in page.read_text("utf-8")
    some = tmp_path / "some"
    shutil.copytree(pictures / "class_2", some / "class_2")
    page = tmp_path / "some.html"
    assert main(["report", str(trained.out), "--data", str(some), "--out", str(page)]) == 0
    assert (tmp_path / "2.html").stat().st_size > (tmp_path / "0.html").stat().st_size


def test_a_run_that_is_not_finished_has_no_model_yet(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = shutil.copytree(trained.out, tmp_path / "run")
    (begun / "model.keras").unlink()
    assert main(["evaluate", str(begun), str(pictures)]) == 1
    assert "--resume" in capsys.readouterr().err


def test_a_run_is_not_told_other_classes_than_its_own(
    trained: Trained, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in (trained.out, trained.out / "model.keras"):
        words = ["evaluate", str(model), str(pictures), "--class-names", "class_1,class_0,class_2"]
        assert main(words) == 1
        assert "class_0, class_1, class_2" in capsys.readouterr().err


def test_damaged_pictures_are_left_out_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def enough(*sets: object, **_: object) -> None:
        raise tlkit.TlkitError(f"{sum(len(x) for x in sets if isinstance(x, tlkit.ImageDataset))}")

    monkeypatch.setattr(tlkit, "fine_tune", enough)
    root = save_pictures(tmp_path / "pictures", images=12)
    (root / "class_1" / "1.png").write_bytes(b"")
    words = ["train", str(root), *BRIEF, "--out", str(tmp_path / "run"), "--skip-damaged"]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "class_1/1.png is empty" in said
    assert "error: 11" in said


@pytest.mark.parametrize("given", [[], ["--resume"]])
def test_ctrl_c_says_how_to_go_on(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tlkit, "fine_tune", interrupted)
    words = ["train", str(pictures), *BRIEF, "--out", str(tmp_path / "a run"), *given]
    assert main(words) == 130
    printed = capsys.readouterr()
    assert printed.out == ""
    again = printed.err.splitlines()[-1]
    assert again.startswith("  tlkit train ")
    assert again.count("--resume") == 1
    assert f"'{tmp_path / 'a run'}'" in again, "the command line can be copied"


def test_every_setting_arrives(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def noted(train: object, validation: object, backbone: object, **settings: object) -> None:
        given.update(settings, train=train, validation=validation, backbone=backbone)
        raise tlkit.TlkitError("enough")

    monkeypatch.setattr(tlkit, "fine_tune", noted)
    others = save_pictures(tmp_path / "others", images=9)
    words = [
        "--image-size=24", "--learning-rate=0.01", "--batch-size=8", "--engine=keras",
        "--keep=last", "--seed=7", "--augment=strong",
    ]  # fmt: skip
    words = [*words, "--validation", str(others), "--out", str(tmp_path / "run")]
    assert main(["train", str(pictures), *BRIEF, *words]) == 1
    sets = [given.pop(name) for name in ("train", "validation")]
    assert [len(each) for each in sets if isinstance(each, tlkit.ImageDataset)] == [36, 9]
    assert given == {
        "backbone": "tiny", "weights": None, "image_size": 24, "epochs": 1,
        "learning_rate": 0.01, "batch_size": 8, "engine": "keras", "keep": "last",
        "seed": 7, "resume": False,
        "augmentation": tlkit.Augmentation(), "run_dir": tmp_path / "run",
    }  # fmt: skip


def test_a_folder_is_labelled_row_by_row(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pictures / "class_1", tmp_path / "new" / "deep")
    (tmp_path / "new" / "a.png").write_bytes(b"no picture")
    assert main(["predict", str(trained.out), str(tmp_path / "new"), "--top", "2"]) == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["image"] for row in rows][:2] == ["a.png", "deep/1.png"]
    assert len(rows) == 13
    assert "is not an image" in rows[0]["error"]
    assert "1 of 13 pictures cannot be read" in printed.err
    expected = tlkit.Predictor(trained.out).predict(tmp_path / "new", top=2, verbose=0)
    assert [row["label"] for row in rows] == [row.label or "" for row in expected]
    assert list(rows[0]) == list(expected.columns)


def test_any_number_of_labels_are_a_list_in_a_document(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["red, bright", "blue"]
    files = sorted(str(path) for path in (pictures / "class_0").iterdir())
    data = tlkit.MultiLabelDataset.from_files(files[:4], [names, names[:1], names[1:], []])
    trainer = tlkit.StagedTrainer(
        tlkit.testing.tiny_backbone(),
        stages=[tlkit.Stage("head", epochs=1, learning_rate=1e-2)],
        weights=None,
        cache=False,
    )
    every = trainer.fit(data, verbose=0).with_thresholds(0.0)
    every.save(tmp_path / "model.keras")
    assert main(["predict", str(tmp_path / "model.keras"), *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert all(sorted(row["labels"]) == sorted(names) for row in rows)


def test_labels_go_into_a_file_or_one_document(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copy(trained.out / "model.keras", tmp_path)
    files = sorted(str(path) for path in (pictures / "class_0").iterdir())
    out = tmp_path / "new" / "x.jsonl"
    assert main(["predict", str(model), *files, "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    lines = out.read_text("utf-8").splitlines()
    assert [row["image"] for row in answer["rows"]] == files
    assert [json.loads(line)["labels"][0] for line in lines] == [
        row["label"] for row in answer["rows"]
    ]


def test_what_cannot_be_labelled_is_told(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    int8 = ["--precision", "int8", "--engine", "keras"]
    for words, told in (
        ([str(trained.out), str(pictures), *int8], r"int8' with engine='keras'.*\nHere: --prec"),
        ([str(tmp_path / "none.keras"), str(pictures)], "is no file; expected a .keras file"),
        ([str(trained.out), str(tmp_path / "empty")], "no image|no picture|empty"),
        ([str(trained.out), str(pictures), str(pictures)], "Give one folder, or files"),
        ([str(trained.out), str(pictures), "--out", "x.txt"], "ends in .csv or .jsonl"),
    ):
        assert main(["predict", *words]) == 1
        printed = capsys.readouterr()
        assert re.search(told, printed.err)
        assert not printed.out


def test_a_test_folder_may_lack_a_class(
    trained: Trained, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pictures / "class_2", tmp_path / "test" / "class_2")
    assert main(["evaluate", str(trained.out), str(tmp_path / "test"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["class_names"][:3] == [
        "class_0",
        "class_1",
        "class_2",
    ]
