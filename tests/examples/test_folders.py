"""The sample as people have pictures: what the tutorials of the documentation begin with."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tlkit import ImageDataset

EXAMPLE = Path(__file__).parents[2] / "examples" / "rakuten"


def test_pictures_are_laid_out_by_class_and_new_ones_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    folders = importlib.import_module("folders")
    arguments = ["--to", str(tmp_path), "--classes", "birds", "flowers", "--each", "4"]
    assert folders.main(arguments) == 0
    assert capsys.readouterr().out.startswith("8 pictures in")
    data = ImageDataset.from_directory(tmp_path / "pictures")
    assert data.class_counts == {"birds": 4, "flowers": 4}
    new = {path.read_bytes() for path in (tmp_path / "new pictures").iterdir()}
    assert len(new) == 6
    assert not new & {path.read_bytes() for path in (tmp_path / "pictures").rglob("*.jpg")}
