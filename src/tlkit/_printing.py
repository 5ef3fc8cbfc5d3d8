"""How what tlkit gives back prints: one line as ``repr``, lines as ``str``, HTML in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from html import escape
from inspect import Parameter, isfunction, signature
from pathlib import Path

# A list of results in a debugger or a notebook stays readable, whatever a class is called.
LONGEST = 160
_COLUMNS = "font-family: var(--jp-code-font-family, monospace); white-space: pre; overflow-x: auto"
_KEYWORD = Parameter.KEYWORD_ONLY


class Printed:
    """A result whose notebook form is its ``str``; give it a ``__repr__`` of one line besides."""

    def _repr_html_(self) -> str:
        return preformatted(str(self))


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, cut in the middle where it is longer than ``longest``.

    Example:
        >>> one_line("LRCurve(" + "x" * 50 + ")", longest=20)
        'LRCurve(xxxx ... x)'
    """
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    return f"{line[: longest - 8]} ... {line[-2:]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "image"), counted(9600, "image")
        ('1 image', '9,600 images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def preformatted(text: str) -> str:
    """Return lines of text as HTML that keeps their columns, in JupyterLab too.

    There a ``pre`` has the font of its surroundings, and wraps, unless told.
    """
    return f'<pre style="{_COLUMNS}">{escape(text)}</pre>'


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as HTML, every cell escaped.

    Args:
        header: A text for each column.
        rows: As many texts each.
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """Return a text as an HTML paragraph."""
    return f"<p>{escape(text)}</p>"


def code_of(
    made: object,
    *,
    defaults: Mapping[str, object] | None = None,
    written: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the arguments with which an object is made, as code, those left out as by default.

    Args:
        made: Keeps each argument of its class in an attribute of the same name.
        defaults: What an argument becomes that is not given, where the signature does not say.
        written: Arguments whose code is known already.

    Returns:
        Code such as ``layers=8`` by argument, in the order of the signature.

    Example:
        >>> from tlkit import UnfreezeTop
        >>> code_of(UnfreezeTop(layers=8))
        {'layers': 'layers=8'}
    """
    known, texts = {**_factories(made), **(defaults or {})}, written or {}
    arguments = {}
    for name, parameter in signature(type(made)).parameters.items():
        given = getattr(made, name)
        if given == known.get(name, parameter.default):
            continue
        bare = parameter.default is parameter.empty and parameter.kind is not _KEYWORD
        text = texts[name] if name in texts else _code(given)
        arguments[name] = text if bare else f"{name}={text}"
    return arguments


def _factories(made: object) -> dict[str, object]:
    if not is_dataclass(made):
        return {}
    return {x.name: x.default_factory() for x in fields(made) if x.default_factory is not MISSING}


def _code(given: object) -> str:
    if isinstance(given, Path):
        return repr(str(given))
    return given.__qualname__ if isfunction(given) else repr(given)
