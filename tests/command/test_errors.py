"""What is wrong is told in a message, by exit status, and leaves nothing behind."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command.conftest import BRIEF, save_pictures
from tlkit.command.main import main

pytestmark = pytest.mark.usefixtures("tiny_installed")


def empty_folder(root: Path) -> None:
    for file in (root / "class_1").iterdir():
        file.unlink()


def no_classes(root: Path) -> None:
    for file in root.glob("*/*.png"):
        file.unlink()
    for folder in root.iterdir():
        folder.rmdir()


def one_class(root: Path) -> None:
    for name in ("class_0", "class_2"):
        (root / name).rename(root / "class_1" / name)


def one_image(root: Path) -> None:
    for file in sorted((root / "class_1").iterdir())[1:]:
        file.unlink()


def damaged(root: Path) -> None:
    file = root / "class_1" / "1.png"
    file.write_bytes(file.read_bytes()[:60])


def whole(root: Path) -> None:
    assert root.is_dir()


@pytest.mark.parametrize(
    ("damage", "more", "told"),
    [
        (no_classes, [], ["no class folder"]),
        (empty_folder, [], ["'class_1'"]),
        (one_class, [], ["one class folder ('class_1')"]),
        (one_image, [], ["class_1", "--validation FOLDER"]),
        (damaged, [], ["class_1/1.png", "--skip-damaged"]),
        (whole, ["--backbone", "tinny"], ["tinny", "Did you mean tiny?"]),
        (whole, ["--weights", "imagenet"], ["imagenet", "--weights none"]),
        (whole, ["--weights", "no/file.weights.h5"], ["no/file.weights.h5", "--weights FILE"]),
        (whole, ["--image-size", "4"], ["8 pixels", "--image-size N"]),
        (whole, ["--engine", "warp"], ["'warp'"]),
        (whole, ["--learning-rate", "nan"], ["learning_rate"]),
        (whole, ["--validation", "no folder"], ["'no folder'"]),
        (whole, ["--out", "/dev/null/run"], ["--out", "/dev/null"]),
    ],
)
def test_nothing_is_trained_on_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    more: list[str],
    told: list[str],
) -> None:
    root = save_pictures(tmp_path / "pictures", images=12)
    damage(root)
    out = tmp_path / "run"
    assert main(["train", str(root), *BRIEF, "--out", str(out), *more]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error: " in printed.err
    assert "Traceback" not in printed.err
    for words in told:
        assert words in printed.err
    assert not out.exists(), "so that the next try need not say --resume"


def test_a_folder_that_may_not_be_written_to_is_told_before_the_pictures_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main(["train", "no folder", "--out", str(tmp_path / "run")]) == 1
    assert f"{tmp_path} is no folder that this user may write to" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["folder", "file/below.csv", "not mine/new/labels.csv"])
@pytest.mark.parametrize("words", ["predict m p --out", "evaluate m p --out", "report m --out"])
def test_an_answer_that_cannot_be_written_is_told_before_any_work(
    words: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for folder in ("folder", "not mine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr("os.access", lambda path, *_: Path(path).name != "not mine")
    assert main([*words.split(), str(tmp_path / place)]) == 2, "where neither m nor p is there"
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "is a folder" in said or "may write to" in said


@pytest.mark.parametrize(
    ("file", "told"), [("ranking.xyz", r"ends in .*\.png"), ("ranking", r"ends in .*\.png")]
)
def test_a_plot_that_cannot_be_written_is_told_before_a_ranking(
    file: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rank", "no folder", "--plot", str(tmp_path / file)]) == 1
    assert re.search(told, capsys.readouterr().err)
    assert main(["rank", "no folder", "--plot", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_where_an_error_was_raised_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", "no run", "--traceback"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "RunDirectoryError" in said


def not_a_model(folder: Path) -> Path:
    file = folder / "model.keras"
    file.write_text("no model")
    return file


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda folder: folder / "none.keras", "There is no file or folder"),
        (lambda folder: folder, "holds no run"),
        (not_a_model, "cannot be read"),
    ],
)
def test_what_is_no_model_is_not_evaluated(
    tmp_path: Path,
    pictures: Path,
    capsys: pytest.CaptureFixture[str],
    model: Callable[[Path], Path],
    told: str,
) -> None:
    assert main(["evaluate", str(model(tmp_path)), str(pictures)]) == 1
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("names", ["a", "a,a", "a,,b"])
def test_class_names_that_cannot_be_are_refused(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    words = ["evaluate", str(not_a_model(tmp_path)), str(pictures), "--class-names", names]
    assert main(words) == 1
    assert "class" in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    "words",
    [
        [], ["trane"], ["train"], ["train", "x", "--epochs", "0"], ["train", "x", "--resum"],
        ["train", "x", "--epochs", "1.5"], ["train", "x", "--keep", "all"], ["cache", "empty"],
        ["backbones", "a", "b"], ["evaluate", "model.keras"],
    ],
)  # fmt: skip
def test_wrong_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert "usage: tlkit" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "x", "--size", "96"], "--size 96 (did you mean --image-size or --batch-size?)"),
        (["train", "x", "--image-siez=9"], "(did you mean --image-size?)"),
        (["train", "x", "--fit", "pads"], "(did you mean pad?)"),
        (["trian", "x"], "(did you mean train?)"),
        (["predict", "m", "x", "--no-such-thing"], "unrecognized arguments: --no-such-thing\n"),
    ],
    ids=lambda given: given[-1] if isinstance(given, list) else "",
)
def test_wrong_usage_says_what_was_probably_meant(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr().err
    assert told in printed
    of = "tlkit" if words[0] == "trian" else f"tlkit {words[0]}"
    assert f"usage: {of} " in printed  # of the subcommand, which knows its options
    assert f"See {of} --help." in printed


def test_a_package_that_is_missing_is_told(
    tmp_path: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr("tlkit.build_backbone", missing)
    assert main(["train", str(pictures), "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "No module named 'torch'" in said
    assert "tlkit doctor" in said


@pytest.mark.parametrize("command", ["train", "evaluate", "report"])
def test_a_backend_that_does_not_load_is_told(
    tmp_path: Path,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)  # importing it now fails
    words = {
        "train": [str(pictures), *BRIEF, "--out", str(tmp_path / "run")],
        "evaluate": [str(not_a_model(tmp_path)), str(pictures)],
        "report": [str(tmp_path)],
    }
    assert main([command, *words[command]]) == 1
    assert "Keras does not load" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
