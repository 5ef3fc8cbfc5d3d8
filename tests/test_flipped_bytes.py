"""One bit of any file that tlkit reads again is another: found, or of no consequence.

Files of engines are tried in ``features/test_engine.py``, where they are exported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.backbones.weights import load_file
from tlkit.errors import TlkitError
from tlkit.features.engines._decision import Decision, Decisions
from tlkit.features.engines.registry import installed_engines
from tlkit.features.store._scans import RememberedScans
from tlkit.features.store.store import FeatureStore
from tlkit.features.store.table import FeatureTable
from tlkit.features.trunk import Trunk
from tlkit.features.workers import _tasks as workers
from tlkit.inference.contract import ModelContract
from tlkit.testing import tiny_backbone, tiny_dataset, tiny_model
from tlkit.training.run_dir.checkpoint import (
    Progress,
    read_checkpoint,
    read_progress,
    write_checkpoint,
)
from tlkit.training.run_dir.engines_used import EngineNotes
from tlkit.training.run_dir.run_directory import RunDirectory

COUNT = 24
# Read by people alone.
FOR_PEOPLE = {"about.json"}
LOST = "it is made again"


@dataclass(frozen=True)
class Written:
    """What a training has left, and what else is kept."""

    run: Path
    store: Path
    whole: Any
    trunk: Any
    images: tlkit.ImageDataset

    def file(self, pattern: str) -> Path:
        """The file of that name; of those of several stages, the last stage's."""
        return max(f for root in (self.run, self.store) for f in root.rglob(pattern))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Every kind of file."""
    run, cache = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("store")
    pictures, images = tmp_path_factory.mktemp("pictures"), tiny_dataset(COUNT)
    for number, pixels in enumerate(images.load(np.arange(COUNT), 16)):
        folder = pictures / "abc"[number % 3]
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    data = tlkit.ImageDataset.from_directory(pictures)
    finder = tlkit.ExponentialLRFinder(1e-4, 1e-1, steps=8, unit="batch", selector=a_hundredth)
    stage = tlkit.Stage("head", epochs=2, learning_rate=finder, snapshots=(1,), batch_size=8)
    trainer = tlkit.StagedTrainer(
        tiny_backbone(), stages=[stage], weights=None, cache=cache, run_dir=run, engine="keras"
    )
    whole = trainer.fit(data, verbose=0).model
    going_on = RunDirectory(run).stage(2, "going-on").checkpoint
    progress = Progress(epoch=3, history={"loss": [0.5, 0.4, 0.3]}, best_epoch=2, best_value=0.3)
    write_checkpoint(going_on, progress, {"state": [np.arange(6.0), np.ones(3)]})
    (run / "model.keras").unlink()
    model = tiny_model()
    RunDirectory(run).save_model(model, ModelContract(("a", "b"), (16, 16)))
    trunk = Trunk(model, FeatureStore(cache))
    model.save(workers.trunk_file(trunk.store, trunk.fingerprint))
    decided = Decision("keras", "it is the fastest", images=9)
    Decisions(cache / "trunk", installed_engines().specs).write(decided)
    probabilities = np.full((COUNT, 3), 1 / 3)
    found = tlkit.Evaluation(data.labels, probabilities, data.class_names)
    found.save(run / "evaluation.npz")
    return Written(run, cache, whole, model, data)


def a_hundredth(curve: tlkit.LRCurve) -> float:  # noqa: ARG001
    """A selector whose answer the curve does not change."""
    return 0.01


def arrays(found: Any) -> Any:
    """What is found as something that can be compared."""
    if isinstance(found, dict):
        return {key: arrays(each) for key, each in found.items()}
    if isinstance(found, (list, tuple)):
        return [arrays(each) for each in found]
    return (found.shape, found.tobytes()) if isinstance(found, np.ndarray) else found


def stage(written: Written) -> Any:
    """A finished stage, with all that belongs to it."""
    files = RunDirectory(written.run).stage(1, "head")
    return files.finished(), files.searched() and repr(files.searched()), arrays(files.snapshots())


def checkpoint(written: Written) -> Any:
    """A stage that was cut off; how far it came is also read without its arrays."""
    file = written.file("checkpoint.npz")
    progress, groups = read_checkpoint(file)
    assert read_progress(file) == progress
    return progress, arrays(groups)


def weights(name: str) -> Callable[[Written], Any]:
    """Weights that another training begins with."""

    def read(written: Written) -> Any:
        file = written.file(name)
        model = written.trunk if name == "model.keras" else written.whole
        load_file(model, file)
        return arrays([np.asarray(x) for x in model.variables])

    return read


def shard(written: Written) -> Any:
    """Features."""
    table = FeatureTable(written.file("*.shard").parent, lambda _: None)
    rows = table.rows(written.images.image_digests)
    return LOST if rows is None else arrays(np.asarray(rows))


def scans(written: Written) -> Any:
    """What is known of image files."""
    known = RememberedScans(written.file("scans*"))
    return dict(known._known) or LOST


def decision(written: Written) -> Any:
    """Which engine is the fastest."""
    return Decisions(written.store / "trunk", installed_engines().specs).read() or LOST


def trunk(written: Written) -> Any:
    """A trunk that was left for workers."""
    workers._built.clear()
    fingerprint = Trunk(written.trunk, FeatureStore(written.store)).fingerprint
    task = workers.Task(
        images=written.images,
        chosen=np.arange(COUNT),
        ids=written.images.image_digests,
        size=(16, 16),
        root=written.store,
        limit=10**9,
        trunk=fingerprint,
        engine="keras",
        dtype="float32",
        backend=keras.backend.backend(),
        home="",
    )
    return workers._trunk(task).fingerprint


def evaluation(written: Written) -> Any:
    """Predictions."""
    return arrays(vars(tlkit.Evaluation.load(written.file("evaluation.npz"))))


READERS: dict[str, Callable[[Written], Any]] = {
    "settings.json": lambda x: RunDirectory(x.run).settings(),
    "engines.json": lambda x: EngineNotes(x.file("engines.json"))._ran,
    "result.json": stage,
    "curve.json": stage,
    "snapshots.npz": stage,
    "weights.weights.h5": weights("weights.weights.h5"),
    "checkpoint.npz": checkpoint,
    "model.keras": weights("model.keras"),
    "*.shard": shard,
    "scans*": scans,
    "*.decision": decision,
    "trunk-*.keras": trunk,
    "evaluation.npz": evaluation,
}


def outcome(written: Written, name: str, expected: Any) -> str:
    """What becomes of a file that was changed; any error but tlkit's own is a failure."""
    try:
        found = READERS[name](written)
    except TlkitError:
        return "found"
    return "found" if found == LOST else "harmless" if found == expected else "used in silence"


def places(size: int, count: int) -> list[int]:
    """Bytes of a file: half of them anywhere, the others near its ends."""
    random, near = np.random.default_rng(size), min(size, 400)
    ends = np.concatenate([np.arange(near), np.arange(size - near, size)])
    anywhere = random.integers(0, size, count - count // 2)
    chosen: list[int] = np.concatenate([anywhere, random.choice(ends, count // 2)]).tolist()
    return chosen


def outcomes(written: Written, name: str, count: int) -> Counter[str]:
    """What becomes of a file with one flipped bit, and of one that was cut short."""
    file, expected = written.file(name), READERS[name](written)
    whole, random = file.read_bytes(), np.random.default_rng(1)
    changed = [
        whole[:place] + bytes([whole[place] ^ (1 << int(random.integers(8)))]) + whole[place + 1 :]
        for place in places(len(whole), count)
    ]
    cuts = [whole[:length] for length in (0, 1, len(whole) // 2, len(whole) - 1)]
    results: Counter[str] = Counter()
    for content in [*changed, *cuts[: 1 + count // 8]]:
        file.write_bytes(content)
        results[outcome(written, name, expected)] += 1
    file.write_bytes(whole)
    assert READERS[name](written) == expected
    return results


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_found_or_harmless(written: Written, name: str) -> None:
    found = outcomes(written, name, 4 if name == "trunk-*.keras" else 24)
    assert not found["used in silence"]
    assert found["found"]


def test_no_file_is_left_out(written: Written) -> None:
    files = [f for root in (written.run, written.store) for f in root.rglob("*") if f.is_file()]
    known = [file for file in files if any(file.match(name) for name in READERS)]
    assert {file.name for file in files if file not in known} == FOR_PEOPLE


@pytest.mark.slow
def test_of_200_flipped_bits_none_is_used_in_silence(written: Written) -> None:
    table = {name: outcomes(written, name, 200) for name in READERS}
    for name, found in table.items():
        print(f"{name:20} found {found['found']:3}  harmless {found['harmless']:3}")  # noqa: T201
    assert not any(found["used in silence"] for found in table.values())
