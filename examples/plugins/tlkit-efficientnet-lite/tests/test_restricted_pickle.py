"""No pickle can make the reader call anything."""

from __future__ import annotations

import struct
from pathlib import Path

import legacy_writer as writer
import numpy as np
import pytest
from tlkit_efficientnet_lite.legacy_torch import read_legacy

from tlkit.errors import WeightsError

START = writer.MAGIC + writer.VERSION + writer.machine()
FLOATS = np.ones(2, np.float32)


def refusal(pickled: bytes) -> str:
    with pytest.raises(WeightsError) as caught:
        read_legacy(START + pickled, "evil.pth")
    return str(caught.value)


def test_os_system_is_refused_and_not_called(tmp_path: Path) -> None:
    trace = tmp_path / "called"
    message = refusal(b"\x80\x02cos\nsystem\n(" + writer.text(f"touch {trace}") + b"tR.")
    assert "the file asks for os.system, which is not allowed" in message
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch", "HalfStorage"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("tlkit_efficientnet_lite.restricted_pickle", "io"),
    ],
)
def test_a_name_that_is_not_needed_is_refused(module: str, name: str) -> None:
    message = refusal(f"\x80\x02c{module}\n{name}\n.".encode("latin-1"))
    assert f"the file asks for {module}.{name}" in message


@pytest.mark.parametrize(
    ("opcode", "pickled"),
    [
        ("STACK_GLOBAL", b"\x80\x04" + writer.text("os") + writer.text("system") + b"\x93."),
        ("INST", b"(ios\nsystem\n."),
        ("OBJ", b"(cos\nsystem\no."),
        ("NEWOBJ", b"\x80\x02ccollections\nOrderedDict\n)\x81."),
        ("EXT1", b"\x80\x02\x82\x01."),
        ("PERSID", b"Pstorage\n."),
        ("INT", b"I1\n."),
        ("BYTEARRAY8", b"\x80\x05\x96" + struct.pack("<Q", 0) + b"."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_opcode_that_state_dicts_lack_is_refused(opcode: str, pickled: bytes) -> None:
    assert f"opcode {opcode} at byte" in refusal(pickled)


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02" + writer.REBUILD + b"}b.",
        b"\x80\x02" + writer.REBUILD + b"N}" + writer.text("__call__") + b"Ns\x86b.",
        b"\x80\x02ctorch\nFloatStorage\n}" + writer.text("dtype") + b"Nsb.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",
        b"\x80\x02" + writer.storage("0", "FloatStorage", 2) + b"}b.",
        b"\x80\x02ccollections\nOrderedDict\n}b.",
    ],
    ids=["function", "function slots", "storage type", "call a type", "storage", "class"],
)
def test_the_stand_ins_cannot_be_changed(pickled: bytes) -> None:
    refusal(pickled)
    assert read_legacy(writer.small_file(), "small.pth")["n"] == 7


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (writer.text("0") + b"Q", "a persistent object '0'"),
        (writer.integers(range(6)) + b"Q", "a persistent object (0, 1, 2, 3, 4, 5)"),
        (b"(" + writer.text("module") + b"NNNNNtQ", "a persistent object ('module', None"),
        (writer.storage("0", "FloatStorage", 2, device="cuda:0"), "'cuda:0'"),
        (writer.storage("0", "FloatStorage", -1), "a storage '0' of -1 elements"),
    ],
    ids=["text", "numbers", "module", "device", "size"],
)
def test_a_persistent_object_that_is_no_storage_is_refused(reference: bytes, problem: str) -> None:
    message = refusal(writer.state_dict({"w": writer.tensor(reference, (2,), (1,))}))
    assert problem in message


def test_two_storages_with_one_key_are_refused() -> None:
    tensors = {
        "a": writer.tensor(writer.storage("0", "FloatStorage", 2), (2,), (1,)),
        "b": writer.tensor(writer.storage("0", "LongStorage", 1), (1,), (1,)),
    }
    assert "two storages with the key '0'" in refusal(writer.state_dict(tensors))


def test_two_tensors_with_one_name_are_refused() -> None:
    tensor = writer.tensor(writer.storage("0", "FloatStorage", 2), (2,), (1,))
    twice = writer.state_dict({"w": tensor}).replace(b"u.", writer.text("w") + tensor + b"u.")
    assert "the name 'w' occurs twice" in refusal(twice)


def test_what_is_no_tensor_is_refused() -> None:
    state = writer.state_dict({"w": writer.integer(1)})
    assert "a int where a tensor was expected" in refusal(state + writer.storages({}))


def test_a_far_memo_slot_is_refused_before_pickle_allocates_up_to_it() -> None:
    assert "memo slot 4294967295" in refusal(b"\x80\x02Nr\xff\xff\xff\xff.")


def test_a_tuple_too_deep_to_hash_is_refused_and_does_not_crash_python() -> None:
    deep = b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns."
    assert "1000000 tuples, where at most 5000 are allowed" in refusal(deep)
