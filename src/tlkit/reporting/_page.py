"""The page itself: template, style and script put together into one file."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from tlkit._disk.atomic import whole_file, why_unwritable
from tlkit.errors import EvaluationError
from tlkit.evaluation.plots.canvas import axes_or_new

_NOTHING, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def check_page(file: Path) -> None:
    """Refuse a page that cannot be made or written, before anything is evaluated for it.

    Raises:
        EvaluationError: jinja2 or matplotlib is not installed, or there is no such place.
    """
    _jinja2()
    axes_or_new(None, (1, 1))
    why = why_unwritable(file)
    if why:
        raise EvaluationError(f"the report cannot be written to {file}: {why}. Give another file.")


def _jinja2() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise EvaluationError(
            'a report needs jinja2: python -m pip install "tlkit[report]"'
        ) from error
    return jinja2


def render(contents: dict[str, Any]) -> str:
    """Return the page's HTML.

    Everything in ``contents`` is escaped. Nothing is fetched: a content security policy allows
    pictures that are in the page, and this style and script by their hashes, and nothing else.

    Raises:
        EvaluationError: If jinja2 is not installed.
    """
    jinja2 = _jinja2()
    folder = files("tlkit.reporting") / "templates"
    texts = {name: (folder / name).read_text("utf-8") for name in _names()}
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.DictLoader(texts),
    )
    environment.filters |= {
        "number": _number,
        "seconds": _seconds,
        "sentence": _sentence,
        "signed": _signed,
        "size": _size,
    }
    style, script = texts["report.css"], texts["report.js"]
    page: str = environment.get_template("report.html").render(
        contents, style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
    )
    return page


def write(file: Path, text: str) -> Path:
    """Write a file whole or not at all, and return it.

    Raises:
        EvaluationError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as part:
            part.write_text(text, "utf-8")
    except OSError as error:
        raise EvaluationError(
            f"the report cannot be written to {file}: {error}. Give another file."
        ) from error
    return file


def _names() -> tuple[str, ...]:
    return ("report.html", "before.html", "labels.html", "macros.html", "report.css", "report.js")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _number(value: float | None, digits: int | None = None) -> str:
    if value is None or value != value:  # NaN: not defined
        return _NOTHING
    return f"{value:,}" if digits is None else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+.{digits}f}".replace("-", _MINUS)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _seconds(value: float | None) -> str:
    if value is None:
        return _NOTHING
    if value < 100:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    if value < 6000:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"
