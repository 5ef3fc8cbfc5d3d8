"""`tlkit.rank_backbones(checkpoint=...)`: a finished probe is kept, and made again by nobody."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tlkit
from tlkit._regression.nested import cross_validated
from tlkit.errors import RunDirectoryError
from tlkit.probing import Candidate, _contestant
from tlkit.testing import tiny_backbone, tiny_dataset

CANDIDATES = [Candidate(tiny_backbone(), size, weights=None) for size in (8, 12, 16)]
PICTURES = 440


def pictures(seed: int = 0) -> tlkit.ImageDataset:
    """Enough images for two rounds, not easily told apart; the labels follow from the seed."""
    easy = tiny_dataset(PICTURES, 4, seed=1)
    wrong = np.random.default_rng(seed).integers(0, 4, PICTURES)
    labels = np.where(np.arange(PICTURES) % 5 < 2, wrong, easy.labels)
    images = easy.load(np.arange(PICTURES), 16)
    return tlkit.ImageDataset.from_arrays(images, labels, easy.class_names)


@dataclass
class Probes:
    """What makes probes, counted.

    Args:
        real: Makes them.
        stop: Number of the probe during which Ctrl-C is pressed, from 1; 0 for none.
    """

    real: Any
    stop: int = 0
    made: list[int] = field(default_factory=list)

    def __call__(self, rows: Any, folds: Any, *rest: Any, **settings: Any) -> Any:
        """Make one."""
        if len(self.made) + 1 == self.stop:
            raise KeyboardInterrupt
        self.made.append(len(folds))
        return self.real(rows, folds, *rest, **settings)

    def of(self, data: tlkit.ImageDataset, candidates: Any = CANDIDATES, **settings: Any) -> Any:
        """Return a ranking without its times, and how many probes were made for it."""
        self.made.clear()
        given = {"engine": "keras", "cache": False, "verbose": 0, **settings}
        rows = tlkit.rank_backbones(candidates, data, **given).rows
        told = [(x.name, x.estimate, x.behind, x.evaluation.probabilities.tolist()) for x in rows]
        return told, len(self.made)


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Probes:
    """What makes probes in this test."""
    counted = Probes(cross_validated)
    monkeypatch.setattr(_contestant, "cross_validated", counted)
    return counted


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, int, Path]:
    """A ranking, of how many probes it is, and the folder that keeps them."""
    folder = tmp_path_factory.mktemp("rank")
    with pytest.MonkeyPatch.context() as patch:
        counted = Probes(cross_validated)
        patch.setattr(_contestant, "cross_validated", counted)
        return *counted.of(pictures(), checkpoint=folder), folder


@pytest.mark.parametrize("stop", [1, 4])
def test_an_interrupted_ranking_goes_on_and_ends_as_an_unbroken_one(
    probes: Probes, tmp_path: Path, finished: tuple[Any, int, Path], stop: int
) -> None:
    data, (unbroken, whole, _) = pictures(), finished
    assert whole >= stop, "the probe that is interrupted has to be there"
    probes.stop = stop
    with pytest.raises(KeyboardInterrupt):
        probes.of(data, checkpoint=tmp_path / "runs" / "rank")
    probes.stop = 0
    assert probes.of(data, checkpoint=tmp_path / "runs" / "rank") == (unbroken, whole - stop + 1)


def test_what_is_kept_is_of_these_pictures_labels_folds_and_networks(
    probes: Probes, tmp_path: Path
) -> None:
    data, few = pictures(), CANDIDATES[:2]
    probes.of(data, few, checkpoint=tmp_path)
    _, more = probes.of(data, CANDIDATES, checkpoint=tmp_path)
    assert 1 <= more <= 2, "those of the new candidate alone"
    for others in (
        {"data": pictures(seed=3)},
        {"data": data, "seed": 1},
        {"data": data, "folds": 4},
        {"data": data.subset(np.arange(0, PICTURES, 2))},
    ):
        told, made = probes.of(**others, candidates=few, checkpoint=tmp_path)
        assert made >= 2, others
        assert (told, made) == probes.of(**others, candidates=few), others
    assert probes.of(data, few, checkpoint=tmp_path)[1] == 0


@pytest.mark.parametrize("content", [b"", b"no zip", b"half", b"another"])
def test_a_damaged_file_is_told_and_its_probe_made_again(
    probes: Probes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    finished: tuple[Any, int, Path],
    content: bytes,
) -> None:
    unbroken, _, folder = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    file = min(tmp_path.iterdir())
    if content == b"another":
        np.savez(file, probabilities=np.ones((3, 4)))
    else:
        file.write_bytes(file.read_bytes()[:500] if content == b"half" else content)
    with caplog.at_level(logging.WARNING, "tlkit"):
        assert probes.of(pictures(), checkpoint=tmp_path) == (unbroken, 1)
    assert str(file) in caplog.text
    assert file.is_file()


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    probes: Probes, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    for wrong in (tmp_path / "file", tmp_path / "file" / "rank", Path("/proc/rank")):
        with pytest.raises(RunDirectoryError, match=r"expected a folder that can be written"):
            probes.of(pictures(), checkpoint=wrong)
    assert not probes.made


def test_what_a_killed_process_left_is_swept(probes: Probes, tmp_path: Path) -> None:
    (tmp_path / ".part-1-x-y.npz").write_bytes(b"half")
    probes.of(pictures(), CANDIDATES[:1], checkpoint=tmp_path)
    names = [file.name for file in tmp_path.iterdir()]
    assert names
    assert all(name.endswith(".npz") and name[0] != "." for name in names)
