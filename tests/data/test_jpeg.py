"""JPEGs in whose middle bytes have changed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tlkit
from tlkit.data.decoding import _jpeg
from tlkit.data.decoding.looks import find_damage, look_at

SAMPLE = sorted(Path(__file__).parents[2].glob("examples/rakuten/sample/**/*.jpg"))[:60]


def encoded(mode: str = "RGB", **settings: Any) -> bytes:
    """A picture with smooth parts and edges."""
    across = np.linspace(0, 255, 96)
    waves = 127 * np.sin(np.add.outer(across / 9, across / 5)) + 127
    file = io.BytesIO()
    picture = Image.fromarray(np.stack([waves, waves.T, across + 0 * waves], -1).astype("uint8"))
    picture.convert(mode).save(file, "JPEG", **settings)
    return file.getvalue()


WHOLE = {
    "baseline": encoded(),
    "progressive": encoded(progressive=True),
    "grey": encoded("L"),
    "CMYK": encoded("CMYK"),
    "subsampled": encoded(subsampling=2, quality=40),
    "restart markers": encoded(restart_marker_blocks=2),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_are_not_warned_of(kind: str) -> None:
    assert look_at(WHOLE[kind]).damage is None


def changed(content: bytes, draw: np.random.Generator) -> bytes:
    middle = len(content) // 2
    return content[:middle] + draw.bytes(30) + content[middle + 30 :]


def test_most_changed_photographs_are_found() -> None:
    pytest.importorskip("simplejpeg", reason="the decoder is in the extra tlkit[jpeg]")
    assert SAMPLE
    draw = np.random.default_rng(0)
    contents = [path.read_bytes() for path in SAMPLE]
    assert not any(map(find_damage, contents))
    found = [look_at(changed(content, draw)).damage for content in contents]
    assert np.mean([told is not None for told in found]) > 0.5
    assert sum("Corrupt JPEG data" in (told or "") for told in found) > len(found) / 3


def test_check_names_a_changed_file(tmp_path: Path) -> None:
    pytest.importorskip("simplejpeg", reason="the decoder is in the extra tlkit[jpeg]")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whole.jpg").write_bytes(encoded(quality=90 if name == "a" else 80))
    content = encoded(quality=95)
    broken = content[: len(content) // 2] + b"\x12" * 200 + content[len(content) // 2 + 200 :]
    (tmp_path / "b" / "changed.jpg").write_bytes(broken)
    report = tlkit.ImageDataset.from_directory(tmp_path).check()
    assert [(x.name, x.reason[:11]) for x in report.damaged] == [("b/changed.jpg", "is damaged:")]


def test_without_the_extra_nothing_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jpeg, "_installed", lambda: False)
    assert _jpeg.jpeg_warning(changed(WHOLE["baseline"], np.random.default_rng(1))) is None
