"""The fastest engine that agrees with Keras is taken and remembered; failures are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from tests.conftest import few, thorough
from tlkit._plugins.discovery import Discovery
from tlkit.data.batches import PixelCache
from tlkit.errors import EngineError
from tlkit.features import passes
from tlkit.features.engines import (
    _decision as decision_module,
    choice as choice_module,
    comparison as weighing,
)
from tlkit.features.engines._decision import DECISION
from tlkit.features.engines.choice import choose_engine
from tlkit.features.engines.comparison import Choice
from tlkit.features.engines.engine import EngineSpec
from tlkit.features.engines.keras_engine import KerasEngine
from tlkit.features.engines.registry import EngineRegistry
from tlkit.features.passes import Plan
from tlkit.features.store.store import FeatureStore
from tlkit.features.trunk import Trunk
from tlkit.testing import tiny_dataset, tiny_model

SAMPLE = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype("uint8")
MUCH = 10**9
EVER = float("inf")


@pytest.fixture(scope="module")
def trunk() -> Any:
    """The tiny backbone."""
    return tiny_model()


@pytest.fixture(autouse=True)
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Milliseconds that each engine takes, instead of what it would take here and now."""
    given: dict[str, float] = {"keras": 4.0, "swift": 1.0, "slow": 8.0}
    monkeypatch.setattr(weighing, "_milliseconds_per_image", lambda e, _: given[e.name])
    return given


class Fake:
    """An engine that gives what Keras gives, changed by a function, and writes a file."""

    made: list[str] = []  # noqa: RUF012 - emptied by a fixture

    def __init__(self, name: str, trunk: Any, file: Path, change: Callable[[Any], Any]) -> None:
        self.name, self._keras, self._change = name, KerasEngine(trunk), change
        Fake.made.append(name if not file.exists() else f"{name} from its file")
        file.write_text("exported")

    def run(self, images: np.ndarray) -> Any:
        """Run, or fail."""
        with np.errstate(invalid="ignore", over="ignore"):
            return self._change(self._keras.run(images))


@pytest.fixture(autouse=True)
def made() -> list[str]:
    """Names of the engines in the order in which they were made."""
    Fake.made.clear()
    return Fake.made


def unchanged(output: Any) -> Any:
    """Give what Keras gives."""
    return output


def engine(name: str, change: Callable[[Any], Any] = unchanged, **fields: Any) -> EngineSpec:
    """An engine of that name."""

    def make(trunk: Any, stem: Path) -> Any:
        return Fake(name, trunk, stem.with_name(f"{stem.name}.{name}"), change)

    fields = {"make": make, "reads": (f".{name}",), "distribution": "of-the-test", **fields}
    return EngineSpec(name=name, **fields)


def registry(*specs: EngineSpec) -> EngineRegistry:
    """A registry with Keras and these."""
    keras_engine = EngineSpec(name="keras", make=lambda t, _: KerasEngine(t))
    return EngineRegistry(Discovery([keras_engine, *specs]))


def choose(
    trunk: Any, folder: Path, *specs: EngineSpec, asked: str = "auto", ahead: int = MUCH
) -> Choice:
    """Choose among Keras and these engines."""
    return choose_engine(
        trunk,
        asked,
        SAMPLE,
        images_ahead=ahead,
        stem=folder / "trunk",
        registry=registry(*specs),
    )


def fails(error: BaseException) -> Callable[[Any], Any]:
    """A change that raises."""

    def change(_: Any) -> Any:
        raise error

    return change


def test_fastest_is_taken_with_the_figures_of_all(trunk: Any, tmp_path: Path) -> None:
    choice = choose(trunk, tmp_path, engine("slow"), engine("swift"))
    assert choice.engine.name == "swift"
    assert choice.why == "swift; ms an image: swift 1.0, keras 4.0, slow 8.0"
    assert choice.images == EVER


def test_keras_is_taken_where_it_is_the_fastest(trunk: Any, tmp_path: Path) -> None:
    choice = choose(trunk, tmp_path, engine("slow"))
    assert (choice.engine.name, choice.images) == ("keras", EVER)
    assert choice.why == "keras; ms an image: keras 4.0, slow 8.0"


def test_keras_is_taken_where_asked(trunk: Any, tmp_path: Path, made: list[str]) -> None:
    choice = choose(trunk, tmp_path, engine("swift"), asked="keras")
    assert (choice.engine.name, choice.why, choice.images) == ("keras", "keras, as asked", EVER)
    assert made == []


BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "raises": (
        fails(RuntimeError("Required inputs are missing\nfrom input feed")),
        "swift cannot run the exported trunk: Required inputs are missing",
    ),
    "out of memory": (fails(MemoryError()), "swift cannot run the exported trunk: "),
    "not a number": (lambda y: y * np.float32("nan"), "swift differs from Keras by nan"),
    "infinite": (lambda y: y + np.float32("inf"), "swift differs from Keras by inf"),
    "another sign": (lambda y: -y, "swift differs from Keras by 2.0e+00 of the largest output"),
    "too rough": (lambda y: y * np.float32(1.001), "swift differs from Keras by 1.0e-03"),
    "one channel": (lambda y: y[..., :1], "swift gives float32 of shape (8, 4, 4, 1), expected"),
    "one image": (lambda y: y[:1], "swift gives float32 of shape (1, 4, 4, 12), expected"),
    "half": (lambda y: y.astype("float16"), "swift gives float16 of shape"),
    "nothing": (lambda _: None, "swift gives object of shape ()"),
}


@pytest.mark.parametrize("how", few(BROKEN, 4))
def test_engine_that_is_wrong_is_passed_over_and_told(trunk: Any, tmp_path: Path, how: str) -> None:
    change, told = BROKEN[how]
    choice = choose(trunk, tmp_path, engine("swift", change))
    assert choice.engine.name == "keras"
    assert choice.why.startswith(f"keras; ms an image: keras 4.0; {told}")
    assert "\n" not in choice.why
    with pytest.raises(EngineError) as raised:
        choose(trunk, tmp_path, engine("swift", change), asked="swift")
    assert str(raised.value).startswith(told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineError("the trunk cannot be exported: no\nway"), "swift: the trunk cannot be expo"),
        (ImportError("libswift.so: not found"), "swift cannot be made: libswift.so: not found"),
        (KeyError("block"), "swift cannot be made: 'block'"),
    ],
)
def test_engine_that_cannot_be_made_is_passed_over_and_told(
    trunk: Any, tmp_path: Path, error: Exception, told: str
) -> None:
    def make(_trunk: Any, _stem: Path) -> Any:
        raise error

    choice = choose(trunk, tmp_path, engine("swift", make=make), engine("slow"))
    assert choice.engine.name == "keras"
    assert f"; {told}" in choice.why
    assert "slow 8.0" in choice.why, "the others are tried all the same"
    assert "\n" not in choice.why
    with pytest.raises(EngineError):
        choose(trunk, tmp_path, engine("swift", make=make), asked="swift")


def test_of_a_trunk_in_mixed_precision_an_error_says_what_to_take(tmp_path: Path) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        low = tiny_model()
    finally:
        keras.config.set_dtype_policy(before)
    told = r"in bfloat16 \(swift differs from Keras by .*engine='keras' or 'auto'.*'float32'"
    with pytest.raises(EngineError, match=told):
        choose(low, tmp_path, engine("swift", lambda y: y * 1.01), asked="swift")


def test_engine_that_fails_while_it_is_timed_is_passed_over(
    trunk: Any, tmp_path: Path, speeds: dict[str, float]
) -> None:
    del speeds["swift"]
    choice = choose(trunk, tmp_path, engine("swift"))
    assert choice.why == "keras; ms an image: keras 4.0; 'swift'"


def test_engine_that_rounds_otherwise_is_taken(trunk: Any, tmp_path: Path) -> None:
    choice = choose(trunk, tmp_path, engine("swift", lambda y: y * np.float32(1 + 1e-6)))
    assert choice.engine.name == "swift"


def test_engine_that_calls_itself_otherwise_is_an_error(trunk: Any, tmp_path: Path) -> None:
    def make(trunk: Any, _stem: Path) -> Any:
        return KerasEngine(trunk)

    with pytest.raises(EngineError, match="swift made an engine that is called 'keras'"):
        choose(trunk, tmp_path, engine("swift", make=make), asked="swift")


def test_nothing_is_exported_for_little_work(trunk: Any, tmp_path: Path, made: list[str]) -> None:
    choice = choose(trunk, tmp_path, engine("swift"), engine("slow"), ahead=100)
    assert choice.engine.name == "keras"
    assert choice.why == (
        "keras; ms an image: keras 4.0; swift and slow not tried for the 0 s of work that are left"
    )
    assert made == []
    assert [file.suffix for file in tmp_path.iterdir()] == [".decision"]


def test_no_more_is_exported_once_an_engine_makes_the_work_little(
    trunk: Any, tmp_path: Path, made: list[str]
) -> None:
    specs = engine("swift"), engine("slow")
    choice = choose(trunk, tmp_path, *specs, ahead=10_000)  # 40 s on Keras, 10 s on the first
    assert made == ["swift"]
    assert choice.why == (
        "swift; ms an image: swift 1.0, keras 4.0; "
        "slow not tried for the 10 s of work that are left"
    )
    assert choose(trunk, tmp_path, *specs).images == EVER, "with more work the other is tried"
    assert made == ["swift", "swift from its file", "slow"]


def test_after_a_slow_export_the_next_is_expected_to_be_as_slow(
    trunk: Any, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(weighing, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def make(trunk: Any, stem: Path) -> Any:
        clock[0] += 20.0
        return Fake("swift", trunk, stem.with_name(f"{stem.name}.swift"), unchanged)

    specs = engine("swift", make=make, export_s=2.0), engine("slow", export_s=8.0)
    # 100 s are left on the first, of which a tenth may be saved.
    choice = choose(trunk, tmp_path, *specs, ahead=100_000)
    assert made == ["swift"]
    assert "slow not tried for the 100 s of work that are left" in choice.why
    assert choice.images == 800_000, "an export of 80 s pays for itself from 800 s on"


@pytest.mark.parametrize(
    ("export_s", "images"),
    # What it can save, 40 % of 4 ms an image, is then as much as the export takes.
    [(0.4, 250), (4.0, 2500), (40.0, 25_000)],
)
def test_export_is_made_where_it_can_pay_for_itself(
    trunk: Any, tmp_path: Path, made: list[str], export_s: float, images: int
) -> None:
    swift = engine("swift", export_s=export_s)
    choice = choose(trunk, tmp_path, swift, ahead=images - 1)
    assert (made, round(choice.images)) == ([], images)
    assert choose(trunk, tmp_path, swift, ahead=images + 1).engine.name == "swift"


def test_quick_exports_are_tried_first(trunk: Any, tmp_path: Path, made: list[str]) -> None:
    choose(trunk, tmp_path, engine("slow"), engine("swift", export_s=1.0))
    assert made == ["swift", "slow"]


def test_decision_is_remembered_for_as_many_images_as_leave_it_the_same(
    trunk: Any, tmp_path: Path, made: list[str]
) -> None:
    specs = engine("swift"), engine("slow")
    first = choose(trunk, tmp_path, *specs, ahead=10_000)
    enough = round(first.images)
    assert enough == 80_000  # 10 % of 1 ms each are the 8 s of an export
    again = choose(trunk, tmp_path, *specs, ahead=enough)
    assert (again.why, again.images) == (f"{first.why}; as measured before", first.images)
    assert "slow" not in made
    choose(trunk, tmp_path, *specs, ahead=enough + 1)
    assert made[-1] == "slow"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "2"])
def test_wrong_seconds_of_an_export_are_told(seconds: Any) -> None:
    with pytest.raises(EngineError, match=r"'swift': export_s=.*, expected seconds, 0 or more"):
        engine("swift", export_s=seconds)


def test_an_export_that_is_there_is_used_for_less_work(
    trunk: Any, tmp_path: Path, made: list[str]
) -> None:
    (tmp_path / "trunk.slow").write_text("exported")
    (tmp_path / "trunk.swift").write_text("exported")
    specs = engine("other"), engine("slow"), engine("swift")
    assert choose(trunk, tmp_path, *specs, ahead=1000).engine.name == "swift"  # 4 s on Keras
    assert made == ["slow from its file", "swift from its file"]


def test_an_export_that_does_not_give_what_keras_gives_is_made_again(
    trunk: Any, tmp_path: Path, made: list[str]
) -> None:
    file = tmp_path / "trunk.swift"
    file.write_text("damaged")

    def make(trunk: Any, _stem: Path) -> Any:
        damaged = file.exists() and file.read_text() == "damaged"
        return Fake("swift", trunk, file, (lambda y: y * 2) if damaged else unchanged)

    assert choose(trunk, tmp_path, engine("swift", make=make)).engine.name == "swift"
    assert made == ["swift from its file", "swift"]


def test_without_another_engine_keras_is_taken_and_how_to_get_one_is_said(
    trunk: Any, tmp_path: Path
) -> None:
    away = [
        engine(name, missing=lambda name=name: f"'tlkit[{name}]'", distribution="tlkit")
        for name in ("onnx", "openvino")
    ]
    choice = choose(trunk, tmp_path, *away)
    assert choice.engine.name == "keras"
    assert choice.why == (
        "keras; pip install 'tlkit[onnx]' or pip install 'tlkit[openvino]' may be several times "
        "faster"
    )
    assert choice.ms == {}
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError, match=r"engine='onnx' needs .*pip install 'tlkit\[onnx\]'"):
        choose(trunk, tmp_path, *away, asked="onnx")


def test_decision_is_remembered_without_running_keras_again(
    trunk: Any, tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = engine("slow"), engine("swift")
    first = choose(trunk, tmp_path, *specs)
    monkeypatch.setattr(choice_module, "fastest", None)
    monkeypatch.setattr(choice_module, "agreeing", None)
    again = choose(trunk, tmp_path, *specs, ahead=1)
    assert again.why == f"{first.why}; as measured before"
    assert (again.engine.name, again.images) == ("swift", EVER)
    assert made == ["slow", "swift", "swift from its file"]


def test_decision_for_keras_is_remembered(trunk: Any, tmp_path: Path, made: list[str]) -> None:
    choose(trunk, tmp_path, engine("slow"))
    again = choose(trunk, tmp_path, engine("slow"))
    assert again.why == "keras; ms an image: keras 4.0, slow 8.0; as measured before"
    assert made == ["slow"]


def test_exported_model_that_is_another_since_is_compared_again(
    trunk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(trunk, tmp_path, engine("swift"))
    (tmp_path / "trunk.swift").write_text("of somebody else")
    compared: list[str] = []

    def watched(spec: EngineSpec, *rest: Any) -> Any:
        compared.append(spec.name)
        return weighing.agreeing(spec, *rest)

    monkeypatch.setattr(choice_module, "agreeing", watched)
    assert choose(trunk, tmp_path, engine("swift"), ahead=1).engine.name == "swift"
    assert compared == ["swift"]


def test_remembered_engine_that_fails_now_is_told_and_another_is_found(
    trunk: Any, tmp_path: Path
) -> None:
    choose(trunk, tmp_path, engine("swift"))
    choice = choose(trunk, tmp_path, engine("swift", fails(OSError("driver is gone"))))
    assert choice.engine.name == "keras"
    assert "; no longer swift: driver is gone" in choice.why
    assert "\n" not in choice.why


def test_remembered_engine_whose_export_is_gone_is_exported_only_for_much_work(
    trunk: Any, tmp_path: Path, made: list[str]
) -> None:
    choose(trunk, tmp_path, engine("swift"))
    (tmp_path / "trunk.swift").unlink()
    assert choose(trunk, tmp_path, engine("swift"), ahead=1).engine.name == "keras"
    assert made == ["swift"]
    assert choose(trunk, tmp_path, engine("swift")).engine.name == "swift"


@pytest.mark.parametrize("changed", ["_processor", "_cores", "_version"])
def test_another_machine_decides_for_itself(
    trunk: Any,
    tmp_path: Path,
    changed: str,
    speeds: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(trunk, tmp_path, engine("swift"))
    speeds["keras"] = 0.5
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(decision_module, changed, lambda *_: "7")
        assert choose(trunk, tmp_path, engine("swift")).engine.name == "keras"
    assert choose(trunk, tmp_path, engine("swift")).engine.name == "swift", "here it stays"


def test_newly_installed_engine_opens_the_choice_again(
    trunk: Any, tmp_path: Path, speeds: dict[str, float]
) -> None:
    missing = ["'it'"]
    new = engine("new", missing=lambda: missing[0])
    choose(trunk, tmp_path, engine("swift"), new)
    speeds["new"] = 0.5
    assert choose(trunk, tmp_path, engine("swift"), new).engine.name == "swift"
    missing[0] = ""
    assert choose(trunk, tmp_path, engine("swift"), new).engine.name == "new"


@pytest.mark.parametrize(
    "content",
    [
        "",
        {"engine": 1, "why": "", "proof": "", "images": 1e9},
        '{"engine": "swift"',
        *thorough("[]", '{"engine": "swift", "why": "", "proof": ""}', '{"engine": 1}'),
        *thorough({"engine": "swift", "why": "", "proof": ""}, "\xff"),
    ],
)
def test_damaged_decision_is_made_again(
    trunk: Any, tmp_path: Path, content: str | dict[str, Any]
) -> None:
    choose(trunk, tmp_path, engine("swift"))
    (file,) = tmp_path.glob("*.decision")
    whole = file.read_text("utf-8")
    assert json.loads(whole)["machine"]["processor"]
    if isinstance(content, str):
        file.write_bytes(content.encode("latin-1"))
    else:
        DECISION.write(file, content)
    assert "as measured before" not in choose(trunk, tmp_path, engine("swift")).why
    assert json.loads(file.read_text("utf-8")) == json.loads(whole)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Keras and one fast engine be all that is installed."""
    found = registry(engine("swift"))
    for module in (choice_module, passes):
        monkeypatch.setattr(module, "installed_engines", lambda: found)


@pytest.mark.usefixtures("installed")
def test_trunk_takes_a_plugin_s_engine_and_other_processes_read_its_features(
    trunk: Any, tmp_path: Path
) -> None:
    store, data = FeatureStore(tmp_path), tiny_dataset(12)
    pixels = PixelCache(data, 16)
    digests, ms = data.image_digests, {"keras": 4.0, "swift": 1.0}
    first = passes.extracted(Trunk(trunk, store), pixels, digests, Plan(images_ahead=MUCH))
    assert first.notes == ("engine: swift; ms an image: swift 1.0, keras 4.0",)
    assert (first.engine, first.passes, first.ms) == ("swift", 12, ms)
    again = passes.extracted(Trunk(trunk, store), pixels, digests)
    np.testing.assert_array_equal(again.rows, first.rows)
    assert again.notes == ("features of 12 images read from the store",)
    assert (again.engine, again.passes, again.ms) == ("swift", 0, ms)
    third = Plan().choice(Trunk(trunk, store), pixels)
    assert (third.engine.name, third.ms) == ("swift", ms)
    assert third.why == "swift; ms an image: swift 1.0, keras 4.0; as measured before"


@pytest.mark.usefixtures("installed")
def test_choice_made_for_little_work_is_made_again_for_more(trunk: Any, tmp_path: Path) -> None:
    store, pixels = FeatureStore(tmp_path), PixelCache(tiny_dataset(12), 16)
    running = Trunk(trunk, store)
    assert running.choice(pixels, "auto", 100).engine.name == "keras"
    assert running.choice(pixels, "auto", MUCH).engine.name == "swift"
    assert Trunk(trunk, store).choice(pixels, "auto").engine.name == "swift", "this one lasts"


@pytest.mark.usefixtures("installed")
def test_wrong_name_is_told_before_any_work() -> None:
    with pytest.raises(EngineError, match=r"engine='swfit', expected .* Did you mean 'swift'\?"):
        Plan("swfit")
