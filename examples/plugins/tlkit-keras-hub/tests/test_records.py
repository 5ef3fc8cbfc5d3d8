"""Presets that were added are listed by name in every process, and a bad record harms no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import tlkit_keras_hub
from small_presets import edit_json, raw_images
from tlkit_keras_hub import __main__ as command, broken, plugin, register, remove
from tlkit_keras_hub.records import home as records_home

import tlkit
from tlkit.backbones.registry import installed_registry, plugin_failures
from tlkit.errors import BackboneError, DuplicateBackboneError, UnknownBackboneError, WeightsError

Preset = Callable[[str], Path]


@pytest.fixture
def folder(tmp_path: Path, preset: Preset) -> Path:
    """A preset that may be changed."""
    return Path(shutil.copytree(preset("vgg"), tmp_path / "tiny_vgg"))


def broken_records() -> str:
    """Return what tlkit says of broken records, in a process that has not asked before."""
    installed_registry.cache_clear()
    return " ".join(str(failure) for failure in plugin_failures())


def test_the_entry_points_lead_to_the_plugins() -> None:
    points = entry_points(group="tlkit.backbones")
    assert points["keras_hub"].load() is plugin
    assert points["keras_hub_records"].load() is broken


def test_what_was_added_is_found_by_name_at_once(folder: Path) -> None:
    assert not tlkit.list_backbones("tiny*")
    added = register(folder)
    found = tlkit.get_backbone("tiny_vgg")
    assert found.distribution == "tlkit-keras-hub"
    assert (found.name, found.parameters, found.min_size) == ("tiny_vgg", added.parameters, 32)
    one, other = (tlkit.build_backbone(each, weights="preset") for each in (added, found))
    raw = raw_images(32, 32)
    assert (one.predict(raw, verbose=0) == other.predict(raw, verbose=0)).all()


def test_a_fresh_process_lists_it_without_any_framework(folder: Path) -> None:
    register(folder, name="my_vgg")
    code = (
        "import sys, time\n"
        "import tlkit, tlkit_keras_hub.plugin as plugin\n"
        "started = time.perf_counter()\n"
        "(spec,) = plugin.tlkit_backbones()\n"
        "assert time.perf_counter() - started < 0.1\n"
        "assert (spec.name, spec.default_size) == ('my_vgg', 32)\n"
        "assert tlkit.get_backbone('my_vgg').family == 'VGG'\n"
        "heavy = {'keras', 'keras_hub', 'tensorflow', 'torch', 'jax', 'h5py'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_removing_takes_it_off_the_list_and_leaves_the_preset(folder: Path) -> None:
    register(folder)
    remove("tiny_vgg")
    assert not tlkit.list_backbones("tiny*")
    assert (folder / "config.json").exists()
    with pytest.raises(BackboneError, match=r"No preset was added as 'tiny_vgg'. Added: none\."):
        remove("tiny_vgg")


def test_adding_again_brings_the_record_up_to_date(folder: Path) -> None:
    register(folder)
    converter = json.loads((folder / "image_converter.json").read_text())
    converter["config"]["image_size"] = [48, 48]
    edit_json(folder / "image_converter.json", config=converter["config"])
    assert "tiny_vgg: the preset in" in broken_records()
    assert register(folder).default_size == 48
    assert tlkit.get_backbone("tiny_vgg").default_size == 48
    assert not broken_records()


def test_a_name_belongs_to_one_folder(folder: Path, preset: Preset, home: Path) -> None:
    register(folder)
    before = (home / "tiny_vgg.json").read_text()
    with pytest.raises(DuplicateBackboneError, match=r"tiny_vgg already\. Give .* another name"):
        register(preset("vgg"))
    assert (home / "tiny_vgg.json").read_text() == before


@pytest.mark.parametrize("name", ["vgg16", "vgg_16", "tiny_vg_g"])
def test_a_name_that_tlkit_takes_for_another_is_refused(name: str, folder: Path) -> None:
    register(folder)
    with pytest.raises(DuplicateBackboneError, match=r"cannot be told from '(vgg16|tiny_vgg)' of"):
        register(folder, name=name)
    assert tlkit.get_backbone("VGG16").distribution == "tlkit"


BAD_RECORDS = {
    "cut off": ("{", "is damaged: Expecting property name"),
    "a list": ("[]", "it holds a list, expected an object"),
    "newer": ('{"format": 2}', "its format is 2, expected 1"),
    "no folder": ('{"format": 1, "fingerprint": "a"}', "folder=None, expected text"),
}


@pytest.mark.parametrize(("text", "problem"), BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_damaged_record_is_named_and_harms_no_other(
    text: str, problem: str, folder: Path, home: Path
) -> None:
    register(folder)
    (home / "bad.json").write_text(text)
    said = broken_records()
    assert "bad: " in said
    assert problem in said
    assert "python -m tlkit_keras_hub remove NAME" in said
    assert tlkit.get_backbone("tiny_vgg")
    assert "bad" in repr(tlkit.list_backbones("tiny*"))
    with pytest.raises(UnknownBackboneError, match="Not loaded: plugin 'keras_hub_records'"):
        tlkit.get_backbone("bad_one")
    remove("bad")
    assert not broken_records()


@pytest.mark.parametrize(
    "change",
    [
        {"family": 1},
        {"scale": [1.0, 2.0]},
        {"offset": None},
        {"default_size": 0},
        {"default_size": True},
        {"min_size": 64},
        {"fixed_size": [32]},
        {"square": "no"},
        {"layout": "round"},
        {"own_layers": ["A", 1]},
        {"preprocessing": "magic"},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_record_with_impossible_facts_is_named(
    change: dict[str, object], folder: Path, home: Path
) -> None:
    register(folder)
    file = home / "tiny_vgg.json"
    edit_json(file, facts={**json.loads(file.read_text())["facts"], **change})
    assert f"tiny_vgg: {file} is damaged" in broken_records()


def test_a_record_whose_name_is_none_is_named(folder: Path, home: Path) -> None:
    register(folder)
    (home / "tiny_vgg.json").rename(home / "Tiny VGG.json")
    assert "Tiny VGG" in broken_records()


def test_a_preset_that_is_gone_is_named(folder: Path) -> None:
    register(folder)
    shutil.rmtree(folder)
    assert f"tiny_vgg: {folder} does not exist" in broken_records()
    assert not tlkit.list_backbones("tiny*")


def test_weights_that_are_gone_are_named(folder: Path) -> None:
    register(folder)
    (folder / "model.weights.h5").unlink()
    assert "has neither model.weights.h5" in broken_records()


def test_a_preset_that_cannot_be_loaded_leaves_no_record(folder: Path, home: Path) -> None:
    (folder / "model.weights.h5").write_bytes(b"")
    with pytest.raises(WeightsError):
        register(folder)
    assert not home.exists()


def test_a_folder_that_cannot_be_written_is_an_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TLKIT_KERAS_HUB_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(BackboneError, match=r"cannot be changed: .*TLKIT_KERAS_HUB_HOME"):
        register(folder)
    assert not tlkit.list_backbones("tiny*")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_lists_and_is_not_changed(folder: Path, home: Path) -> None:
    register(folder)
    home.chmod(0o500)
    try:
        assert tlkit.get_backbone("tiny_vgg")
        with pytest.raises(BackboneError, match="cannot be changed"):
            remove("tiny_vgg")
        with pytest.raises(BackboneError, match="cannot be changed"):
            register(folder, name="other")
    finally:
        home.chmod(0o700)


def test_records_are_kept_in_the_data_folder_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TLKIT_KERAS_HUB_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert records_home() == tmp_path / "tlkit-keras-hub"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert records_home() == Path.home() / ".local" / "share" / "tlkit-keras-hub"


def test_the_command_adds_lists_and_removes(
    folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["list"]) == 0
    assert f"No preset was added to {home}." in capsys.readouterr().out
    assert command.main(["add", str(folder), "--name", "my_vgg"]) == 0
    assert capsys.readouterr().out.startswith("my_vgg  VGG, 32 pixels, 8 features, 556 parameters")
    assert command.main(["list"]) == 0
    assert f"flat; a saved model needs Keras alone  {folder}" in capsys.readouterr().out
    assert command.main(["remove", "my_vgg"]) == 0
    assert not list(home.glob("*"))


def test_the_command_shows_broken_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    register(folder)
    shutil.rmtree(folder)
    assert command.main(["list"]) == 1
    assert "BROKEN  tiny_vgg: " in capsys.readouterr().out


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["add", str(tmp_path / "nowhere")]) == 1
    assert "error: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main([])


def test_every_public_name_is_there() -> None:
    assert sorted(tlkit_keras_hub.__all__) == ["register", "remove", "spec_from_preset"]
    assert all(getattr(tlkit_keras_hub, name).__doc__ for name in tlkit_keras_hub.__all__)
