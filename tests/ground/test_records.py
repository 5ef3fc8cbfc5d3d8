"""JSON documents say what they are, and are read as they were written or not at all."""

from __future__ import annotations

import ast
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tlkit
from tlkit._disk.records import Record
from tlkit.errors import TlkitError
from tlkit.features.engines._decision import DECISION, Decision, Decisions
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.precision.asked import AskedPrecision
from tlkit.features.precision.check import PrecisionCheck
from tlkit.features.precision.kept import CHECK, KeptCheck
from tlkit.features.precision.sample import TrainingSample
from tlkit.features.store.store import FeatureStore
from tlkit.learning_rate._curve_file import CURVE
from tlkit.training.run_dir.engines_used import ENGINES, EngineNotes, Ran
from tlkit.training.run_dir.run_directory import SETTINGS, RunDirectory
from tlkit.training.run_dir.stage_files import RESULT
from tlkit.training.stage_result import StageResult
from tlkit.training.tuning._table import ROUND, Table
from tlkit.training.tuning.trial import TrialRound

NOTES = Record("notes", 3)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    PLAIN, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(), x, max_size=3)
)
HEADER = {"format", "version", "sha256"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document."""
    NOTES.write(tmp_path / "notes.json", {"seed": 3, "names": ["a", "ü"]})
    return tmp_path / "notes.json"


@given(st.dictionaries(st.text().filter(lambda key: key not in HEADER), JSON, max_size=4))
def test_any_content_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("records") / "notes.json"
    NOTES.write(file, content)
    assert NOTES.read(file) == content
    assert list(file.parent.iterdir()) == [file]


def test_what_json_sets_otherwise_comes_back_as_it_is_read(tmp_path: Path) -> None:
    NOTES.write(tmp_path / "x", {"ends": {2: 1}, "names": ("a", "b"), "loss": float("inf")})
    read = NOTES.read(tmp_path / "x")
    assert read == {"ends": {"2": 1}, "names": ["a", "b"], "loss": float("inf")}


def test_people_read_what_it_is_first_and_a_line_for_each_thing(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert lines[1:3] == [' "format": "notes",', ' "version": 3,']
    assert ' "seed": 3,' in lines


def test_text_that_is_set_otherwise_is_the_same_document(file: Path) -> None:
    known = NOTES.read(file)
    backwards = dict(reversed(json.loads(file.read_text()).items()))
    file.write_text(json.dumps(backwards, ensure_ascii=False), "utf-8")
    assert NOTES.read(file) == known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "its format is 'other', expected 'notes'"),
        ({"format": None}, "its format is None, expected 'notes'"),
        ({"version": 4}, "its version is 4, expected 3: another version of tlkit wrote it"),
        ({"sha256": "0" * 64}, "its checksum does not fit: it was damaged or changed by hand"),
        ({"sha256": None}, "its checksum does not fit"),
        ({"seed": 4}, "its checksum does not fit"),
        ({"more": 1}, "its checksum does not fit"),
    ],
)
def test_what_is_wrong_is_said(file: Path, change: dict[str, Any], said: str) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=said):
        NOTES.read(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is a list, expected an object with a format"),
        ("3", "it is a int, expected an object with a format"),
        ("{}", "its format is None, expected 'notes'"),
    ],
)
def test_what_is_no_document_is_said(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        NOTES.read(file)


def test_bytes_that_are_no_text_are_said(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="it is not JSON"):
        NOTES.read(file)


def test_document_of_another_kind_is_not_taken_though_it_is_whole(file: Path) -> None:
    with pytest.raises(ValueError, match="its format is 'notes', expected 'letters'"):
        Record("letters", 3).read(file)


@pytest.mark.parametrize("name", sorted(HEADER))
def test_names_of_the_header_are_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"the content has \['{name}'\], which the header"):
        NOTES.write(tmp_path / "notes.json", {name: 1})
    assert list(tmp_path.iterdir()) == []


def test_content_that_json_cannot_write_leaves_the_old_document(file: Path) -> None:
    known = NOTES.read(file)
    with pytest.raises(TypeError, match="not JSON serializable"):
        NOTES.write(file, {"seed": object()})
    assert NOTES.read(file) == known


def test_full_disk_leaves_the_old_document(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            NOTES.write(file, {"seed": 4})
    assert NOTES.read(file)["seed"] == 3
    assert list(file.parent.iterdir()) == [file]


class Weights:
    """Stands for a model, of which a stage keeps the weights."""

    def save_weights(self, file: Path) -> None:
        """Write some."""
        file.write_bytes(b"weights")


@dataclass(frozen=True)
class Kind:
    """A kind of file as tlkit writes and reads it.

    Args:
        record: The kind.
        write: Writes one into a folder and returns it.
        read: Reads it as tlkit does.
    """

    record: Record
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]


def settings(folder: Path) -> Path:
    RunDirectory(folder).open({"seed": 1, "head": {"dropout": 0.2}, "names": ["ü"]}, resume=False)
    return folder / "settings.json"


def engines(folder: Path) -> Path:
    EngineNotes(folder / "engines.json").note(
        Ran("head", "train", "abc", 0, 2, "keras", once=48, ms={"keras": 1.5})
    )
    return folder / "engines.json"


def used(file: Path) -> tuple[Any, ...]:
    """What engine ran what, asked in every way in which damage could have changed the answer."""
    return EngineNotes(file).get("head", "train", "abc"), EngineNotes(file).work("head", 48, 2)


def result(folder: Path) -> Path:
    done = StageResult("head", {"loss": [0.5, 0.25]}, 1, 0.01, ("a",), 7, None, {"training": 1.5})
    model: Any = Weights()
    RunDirectory(folder).stage(1, "head").finish(model, done)
    return folder / "stages" / "01-head" / "result.json"


def curve(folder: Path) -> Path:
    return tlkit.LRCurve([1e-4, 1e-3, 1e-2], [1.0, 0.5, 2.0]).save(folder / "curve.json")


def figures(file: Path) -> list[Any]:
    read = tlkit.LRCurve.load(file)
    return [read.learning_rates.tolist(), read.losses.tolist(), read.selector, read.n_cut]


@cache  # it asks the system what it runs on, which takes longer than the reading
def decisions(folder: Path) -> Decisions:
    return Decisions(folder / "trunk", [])


def decision(folder: Path) -> Path:
    made = Decision("keras", "keras; ms an image: keras 4.0", "", 1000.0)
    decisions(folder).write(made)
    return decisions(folder).file


def decided(file: Path) -> Decision:
    read = decisions(file.parent).read()
    if read is None:
        raise TlkitError("it is measured again")
    return read


def tried(folder: Path) -> Path:
    Table(folder, several=False).note(0, 0, TrialRound(3, 1.5, None, "no memory"))
    return folder / "rounds" / "001-1.json"


@cache  # it asks the system what it runs on, which takes longer than the reading
def checks(folder: Path) -> KeptCheck:
    spec = EngineSpec(name="swift", make=lambda *_: None)  # type: ignore[arg-type]
    sample = TrainingSample(None, np.eye(40, 32, dtype=np.uint8))  # type: ignore[arg-type]
    return KeptCheck(folder / "trunk", spec, "int8", AskedPrecision("int8", sample))


def check(folder: Path) -> Path:
    checks(folder).write(PrecisionCheck("swift", "int8", 0.96, 0.9, 0.8, 40, ms={"swift": 1.5}))
    return checks(folder).file


def checked(file: Path) -> PrecisionCheck:
    read = checks(file.parent).read()
    if read is None:
        raise TlkitError("it is compared again")
    return read


KINDS = {
    "check": Kind(CHECK, check, checked),
    "settings.json": Kind(SETTINGS, settings, lambda file: RunDirectory(file.parent).settings()),
    "engines.json": Kind(ENGINES, engines, used),
    "result.json": Kind(
        RESULT, result, lambda file: RunDirectory(file.parents[2]).stage(1, "head").finished()
    ),
    "curve.json": Kind(CURVE, curve, figures),
    "decision": Kind(DECISION, decision, decided),
    "round": Kind(ROUND, tried, lambda file: Table(file.parents[1], several=False).get(0, 0)),
}


@pytest.mark.parametrize("name", KINDS)
def test_flipped_byte_of_any_document_is_found_or_does_no_harm(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    file = kind.write(tmp_path)
    whole, known = file.read_bytes(), kind.read(file)
    found = 0
    for place, byte in enumerate(whole):
        file.write_bytes(whole[:place] + bytes([byte ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            read = kind.read(file)
        except TlkitError:
            found += 1
        else:
            assert read == known, f"the flip of byte {place} was not found"
    assert found > len(whole) * 3 / 4


@pytest.mark.parametrize("name", KINDS)
def test_document_that_is_cut_off_is_found(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    file = kind.write(tmp_path)
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 5):  # without the last bracket, all is there
        file.write_bytes(whole[:length])
        with pytest.raises(TlkitError):
            kind.read(file)


@pytest.mark.parametrize("name", KINDS)
def test_every_document_says_what_it_is(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    told = json.loads(kind.write(tmp_path).read_text("utf-8"))
    assert (told["format"], told["version"]) == (kind.record.format, kind.record.version)
    assert told["format"].startswith("tlkit ")


def test_every_kind_of_document_is_tested_here() -> None:
    sources = Path(tlkit.__file__).parent
    made = {
        node.args[0].value
        for file in sources.rglob("*.py")
        if file != sources / "_disk" / "records.py"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Record"
        if isinstance(node.args[0], ast.Constant)
    }
    assert made == {kind.record.format for kind in KINDS.values()}


def test_what_a_store_says_for_people_does_no_harm_when_damaged(tmp_path: Path) -> None:
    about = {"model": "tiny", "engine": "keras", "hash": "abc"}
    store = FeatureStore(tmp_path)
    store._prepare(store.root / "a", about, 0)
    file = store.root / "a" / "about.json"
    whole = file.read_bytes()
    for place in range(len(whole)):
        for flip in (1, 0x20, 0xFF):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            str(store.info())
    for text in ("[]", "3", '"text"', '[["a", 1]]', "null", ""):
        file.write_text(text)
        str(store.info())
