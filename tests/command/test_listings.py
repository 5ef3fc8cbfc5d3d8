"""What is installed, what lies in the store, and what works on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tlkit
from tlkit._plugins.discovery import Discovery, PluginFailure
from tlkit.backbones import registry
from tlkit.backbones.weights_here import weights_in
from tlkit.command.main import main


def answered(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> dict[str, Any]:
    assert main([*words, "--json"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_backbones_are_listed_as_a_table_and_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbones", "vgg*"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table] == ["name", "vgg16", "vgg19"]
    found = answered(capsys, "backbones", "vgg*")
    assert [each["name"] for each in found["backbones"]] == ["vgg16", "vgg19"]
    assert found["backbones"][0]["default_size"] == 224
    assert len(answered(capsys, "backbones")["backbones"]) >= 40


def test_a_backbone_is_found_however_its_name_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (found,) = answered(capsys, "backbones", "MobileNet-V2")["backbones"]
    assert found["name"] == "mobilenet_v2"


@pytest.mark.parametrize(
    ("pattern", "told"),
    [("vgg", "Did you mean vgg16 or vgg19?"), ("vgg2*", "'vgg2*'"), ("[", "'['")],
)
def test_a_name_of_no_backbone_is_told(
    pattern: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backbones", pattern, "--json"]) == 1
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.out == ""


def test_engines_say_whether_they_work_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["keras", "yes", "tlkit"]
    found = answered(capsys, "engines")["engines"]
    assert found[0] == {"name": "keras", "usable": True, "missing": "", "distribution": "tlkit"}
    assert all(each["usable"] != bool(each["missing"]) for each in found)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with features in it."""
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path))
    spec = tlkit.testing.tiny_backbone()
    tlkit.extract(spec, tlkit.testing.tiny_dataset(6), weights=None, verbose=0)
    return tmp_path


def test_the_store_is_shown_and_cleared(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache"]) == 0
    assert str(store) in capsys.readouterr().out
    held = answered(capsys, "cache", "info")
    assert held["bytes"] > 0
    assert [table["about"]["model"] for table in held["tables"]] == ["tiny_trunk"]
    assert answered(capsys, "cache", "clear", "--unused-days", "3")["freed_bytes"] == 0
    cleared = answered(capsys, "cache", "clear")
    assert cleared["freed_bytes"] == held["bytes"]
    assert cleared["bytes"] == 0
    assert main(["cache", "clear"]) == 0
    assert "0.0 MB freed" in capsys.readouterr().out


@pytest.mark.parametrize("days", ["-3", "nan", "-inf"])
def test_what_is_no_number_of_days_clears_nothing(
    days: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "clear", f"--unused-days={days}"]) == 1
    assert "expected a number of days, 0 or more" in capsys.readouterr().err
    assert list(store.rglob("*.shard"))


def test_days_are_for_clearing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--unused-days", "3"]) == 1
    assert "tlkit cache clear" in capsys.readouterr().err
    assert list(store.rglob("*.shard"))


def test_the_doctor_knows_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "efficientnetb0_notop.h5").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    found = answered(capsys, "doctor")
    assert found["tlkit"] == tlkit.__version__
    assert found["keras"]["backend"] == keras.config.backend()
    assert found["packages"]["keras"] == keras.__version__
    assert found["cores"] >= 1
    assert found["engines"][0]["name"] == "keras"
    assert found["weights"]["backbones"] == {"efficientnet_b0": "efficientnetb0_notop.h5"}
    assert found["cache"]["error"] is None
    assert found["problems"] == []
    assert main(["doctor"]) == 0
    page = capsys.readouterr().out
    assert "1 of 40 networks of keras.applications" in page
    assert page.splitlines()[-1] == "Nothing is broken."


def test_the_doctor_names_everything_that_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = PluginFailure("lame", "tlkit-lame", ImportError("no legs"))
    broken = registry.Registry(Discovery([tlkit.testing.tiny_backbone()], [failure]))
    monkeypatch.setattr(registry, "installed_registry", lambda: broken)
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLKIT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setitem(sys.modules, "keras", None)  # importing it now fails
    found = answered(capsys, "doctor", status=1)
    assert found["keras"]["error"].startswith("ModuleNotFoundError")
    assert found["engines"] == []
    assert found["cache"]["folder"] is None
    assert len(found["problems"]) == 3
    assert main(["doctor"]) == 1
    page = capsys.readouterr().out
    for words in ("Keras does not load", "feature store", "'lame' of 'tlkit-lame'", "no legs"):
        assert words in page


# What Keras 3.15 asks keras.utils.get_file for, found by letting that function raise.
NAMES_OF_KERAS = {
    "convnext_xlarge": "convnext_xlarge_notop.h5",
    "densenet121": "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "efficientnet_b7": "efficientnetb7_notop.h5",
    "efficientnet_v2_b0": "efficientnetv2-b0_notop.h5",
    "efficientnet_v2_s": "efficientnetv2-s_notop.h5",
    "inception_resnet_v2": "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "mobilenet": "mobilenet_1_0_224_tf_no_top.h5",
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v3_large": "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    "mobilenet_v3_small": "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "nasnet_mobile": "nasnet_mobile_no_top.h5",
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet50_v2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg19": "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "xception": "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


def test_weights_on_this_machine_are_known_by_their_files(tmp_path: Path) -> None:
    for name in NAMES_OF_KERAS.values():
        (tmp_path / name).touch()
    for other in (
        "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "mine_notop.h5",
        "densenet169.txt",
    ):
        (tmp_path / other).touch()
    own = [spec for spec in tlkit.list_backbones() if spec.distribution == "tlkit"]
    assert weights_in(tmp_path, own) == NAMES_OF_KERAS
    assert weights_in(tmp_path / "missing", own) == {}


def test_backbones_are_ranked_for_pictures(
    capsys: pytest.CaptureFixture[str], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(tlkit.testing.tiny_backbone(), weights=("imagenet",), distribution="plugin")
    known = registry.Registry(Discovery([spec]))
    monkeypatch.setattr(registry, "installed_registry", lambda: known)
    found = answered(capsys, "rank", str(pictures), "--image-size", "8")
    (row,) = found["backbones"]
    assert row["name"] == "tiny 8 px"
    assert row["pictures"] == found["pictures"] == 36
    assert row["interval"][0] <= row["weighted_f1"] <= row["interval"][1]
    assert main(["rank", str(pictures), "--backbones", "nonesuch"]) == 1
    assert "nonesuch: No backbone is called" in capsys.readouterr().err


def test_finished_probes_are_kept_in_the_folder_that_is_named(
    capsys: pytest.CaptureFixture[str],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = replace(tlkit.testing.tiny_backbone(), weights=("imagenet",), distribution="plugin")
    monkeypatch.setattr(
        registry, "installed_registry", lambda: registry.Registry(Discovery([spec]))
    )
    words = ["rank", str(pictures), "--image-size", "8", "--checkpoint", str(tmp_path / "probes")]
    first = answered(capsys, *words)
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "probes").iterdir()}
    assert kept
    assert answered(capsys, *words)["backbones"] == first["backbones"]
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "probes").iterdir()} == kept
    (tmp_path / "file").touch()
    assert main([*words[:-1], str(tmp_path / "file")]) == 1
    assert "expected a folder that can be written" in capsys.readouterr().err
