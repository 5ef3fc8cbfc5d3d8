"""A rehearsal is the challenge's layout, drawn the same way every time, whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import importlib
import shutil
from collections import Counter, namedtuple
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import tlkit

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"
IMAGES = "images/image_train"
FEW = 108


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example's script as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module("make_rehearsal")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rehearsal, which tests only read."""
    folder = tmp_path_factory.mktemp("drawn") / "rehearsal"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        assert make(importlib.import_module("make_rehearsal"), folder) == 0
    return folder


def make(script: ModuleType, out: Path, *more: str, pictures: int = FEW) -> int:
    status: int = script.main(
        ["--out", str(out), "--pictures", str(pictures), "--workers", "1", *more]
    )
    return status


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(x.relative_to(root)): hashlib.sha256(x.read_bytes()).hexdigest() for x in files}


def codes(root: Path) -> list[str]:
    with (root / "Y_train_CVw08PX.csv").open(encoding="utf-8", newline="") as file:
        return [row["prdtypecode"] for row in csv.DictReader(file)]


@pytest.mark.usefixtures("script")
def test_the_study_reads_it_and_finds_what_is_damaged_and_what_comes_twice(drawn: Path) -> None:
    data = importlib.import_module("challenge").read_challenge(drawn)
    assert len(data) == FEW
    assert len(data.class_names) == 27
    assert min(data.class_counts.values()) >= 2
    report = data.check()
    assert len(report.damaged) == 1
    assert len(report.duplicates) == 1
    whole = data.without_damaged(report)
    with Image.open(drawn / whole.names[0]) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (500, 500))


def test_at_full_size_classes_are_as_large_as_the_challenges(script: ModuleType) -> None:
    published = importlib.import_module("published")
    every = script.Rehearsal(script.ALL, seed=3, damaged=8)
    classes = every.classes()
    sizes = Counter(classes.tolist())
    assert [sizes[n] for n in range(27)] == list(published.CLASS_SIZES.values())
    assert script.ALL == 84_916
    rows = every.rows()
    assert sum(row.cut for row in rows) == 8
    twice = [row for row in rows if row.drawn != row.number]
    assert len(twice) == 849
    assert all(rows[row.drawn].drawn == row.drawn for row in twice), "each of them a file's copy"
    same = np.mean([classes[row.number] == row.shown for row in twice])
    assert same > 0.95, "almost all of one class"


@pytest.mark.parametrize("pictures", [108, 500, 1555, 20_000])
@pytest.mark.usefixtures("script")
def test_fewer_pictures_keep_the_shares_of_the_classes(pictures: int) -> None:
    sizes = importlib.import_module("rehearsal").class_sizes(pictures)
    assert sizes.sum() == pictures
    assert sizes.min() >= 2
    assert sizes.argmax() == 0
    assert sizes[0] / pictures == pytest.approx(10209 / 84916, abs=27 / pictures)


def test_what_was_stopped_goes_on_and_ends_with_the_same_files(
    script: ModuleType, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again"
    shutil.copytree(drawn, out)
    for path in sorted((out / IMAGES).iterdir())[::3]:
        path.unlink()
    (out / "X_train_update.csv").unlink()
    assert make(script, out) == 0
    assert "72 pictures are there already" in capsys.readouterr().err
    assert digests(out) == digests(drawn)


@pytest.mark.slow
def test_two_processes_draw_what_one_draws(script: ModuleType, drawn: Path, tmp_path: Path) -> None:
    assert make(script, tmp_path / "two", "--workers", "2") == 0
    assert digests(tmp_path / "two") == digests(drawn)


def test_ctrl_c_leaves_only_whole_files(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, drawn = script.Rehearsal.content, []

    def interrupted(self: object, row: object) -> bytes:
        drawn.append(row)
        if len(drawn) > 150:  # the first are looked at for their size
            raise KeyboardInterrupt
        return bytes(content(self, row))

    monkeypatch.setattr(script.Rehearsal, "content", interrupted)
    assert make(script, tmp_path / "out") == 130
    assert "goes on" in capsys.readouterr().err
    files = list((tmp_path / "out" / IMAGES).iterdir())
    assert files
    assert all(path.suffix == ".jpg" for path in files)


def test_another_rehearsal_is_not_mixed_into_it(
    script: ModuleType, drawn: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"another rehearsal: seed 0, now 1"):
        make(script, drawn, "--seed", "1")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(SystemExit, match=r"holds no rehearsal"):
        make(script, tmp_path)


def test_a_disk_that_is_too_small_is_told_before_anything_is_drawn(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(script.shutil, "disk_usage", lambda _: usage(2, 1, 1_000_000))
    with pytest.raises(SystemExit, match=r"108 pictures take about .* GB; 0\.00 GB are free"):
        make(script, tmp_path / "out")
    assert not list((tmp_path / "out" / IMAGES).iterdir())


@pytest.mark.parametrize("asked", [["--pictures", "107"], ["--damaged", "108"], ["--workers", "0"]])
def test_what_cannot_be_drawn_is_refused(
    script: ModuleType, tmp_path: Path, asked: list[str]
) -> None:
    with pytest.raises(SystemExit, match=r"at least 108 pictures"):
        make(script, tmp_path / "out", *asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("script")
def test_classes_can_be_learnt_and_not_all_of_them(tmp_path: Path) -> None:
    """A network that knows photographs tells many of 27 classes apart, from a few of each."""
    script = importlib.import_module("make_rehearsal")
    assert make(script, tmp_path / "data", "--damaged", "0", pictures=540) == 0
    data = importlib.import_module("challenge").read_challenge(tmp_path / "data")
    probe = tlkit.probe("efficientnet_lite0", data, image_size=64, cache=False, verbose=0)
    chance = max(data.class_counts.values()) / len(data)
    assert 2 * chance < probe.evaluation.accuracy < 0.9
