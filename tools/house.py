"""Counts how the rooms stand: sizes, import cycles, lone importers, ``Any``, ways to write a file.

    python tools/house.py                      # this tree
    python tools/house.py OTHER/src/tlkit      # another one, for example of an earlier commit

Only the text of the modules is read; nothing is imported.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

LONG_FILE, LONG_FUNCTION = 250, 30
# When an import is carried out; each level of a cycle search takes in those before it.
AT_ONCE, IN_FUNCTION, FOR_TYPES = "module level", "in functions", "TYPE_CHECKING"
LEVELS = (AT_ONCE, IN_FUNCTION, FOR_TYPES)


@dataclass
class Module:
    """One file.

    Args:
        name: Dotted, below the package; empty for the package itself.
        lines: How many.
        tree: Its syntax.
        imports: (level, dotted name below the package) of each import of the package's own.
    """

    name: str
    lines: int
    tree: ast.Module
    imports: list[tuple[str, str]] = field(default_factory=list)

    @property
    def public(self) -> bool:
        """Whether no part of its name begins with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


def read_modules(root: Path) -> dict[str, Module]:
    """Return the modules of a package by name."""
    modules = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        text = file.read_text("utf-8")
        modules[name] = Module(name, len(text.splitlines()), ast.parse(text))
    for module in modules.values():
        module.imports += _imports(module.tree, root.name, modules)
    return modules


def _imports(tree: ast.AST, package: str, known: dict[str, Module]) -> Iterator[tuple[str, str]]:
    for level, node in _import_nodes(tree, AT_ONCE):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            # ``from a import b``: b may be a module of its own.
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        for dotted in named:
            below = dotted.removeprefix(package).lstrip(".")
            if dotted.split(".")[0] != package:
                continue
            while below and below not in known:
                below = below.rpartition(".")[0]
            yield level, below


def _import_nodes(node: ast.AST, level: str) -> Iterator[tuple[str, ast.Import | ast.ImportFrom]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield level, child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _import_nodes(child, FOR_TYPES)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _import_nodes(child, IN_FUNCTION if level == AT_ONCE else level)
        else:
            yield from _import_nodes(child, level)


def cycles(modules: dict[str, Module], levels: tuple[str, ...]) -> list[list[str]]:
    """Return the groups of modules that reach each other, packages' own files left out."""
    arrows = {
        name: {to for level, to in module.imports if level in levels and to != name}
        for name, module in modules.items()
    }
    reach = {name: _reached(name, arrows) for name in arrows}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other])) for name in arrows
    }
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for name in arrows[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def lone_importers(modules: dict[str, Module], listed: set[str]) -> dict[str, str]:
    """Return public modules with one importer, and that; those in ``listed`` are left out."""
    importers = defaultdict(set)
    for name, module in modules.items():
        for _, to in module.imports:
            if to != name:
                importers[to].add(name)
    return {
        name: next(iter(importers[name]))
        for name, module in modules.items()
        if module.public and name not in listed and len(importers[name]) == 1
    }


def listed_modules(root: Path) -> set[str]:
    """Return the modules that hold a name of a list of public names (``__init__.pyi``)."""
    found = set()
    for stub in root.rglob("__init__.pyi"):
        room = ".".join(stub.parent.relative_to(root).parts)
        for node in ast.parse(stub.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                homes = [node.module] if node.module else [alias.name for alias in node.names]
                found |= {".".join(filter(None, (room, home))) for home in homes}
    return found


def doors(root: Path) -> set[str]:
    """Return the modules at which entry points of the project begin: commands and plugins."""
    file = root.parents[1] / "pyproject.toml"
    project = tomllib.loads(file.read_text("utf-8"))["project"] if file.is_file() else {}
    groups = (project.get("scripts", {}), *project.get("entry-points", {}).values())
    named = (target.partition(":")[0] for group in groups for target in group.values())
    return {name.partition(".")[2] for name in named}


def functions(modules: dict[str, Module]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function with where it is."""
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{module.name}:{node.name}", node


def code_lines(function: ast.FunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    total = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        total -= (first.end_lineno or 0) - first.lineno + 1
    return total


def parameters(modules: dict[str, Module]) -> Iterator[str]:
    """Yield the annotation of each parameter but ``self`` and ``cls``."""
    for _, function in functions(modules):
        given = function.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        for argument in every:
            if argument is not None and argument.arg not in ("self", "cls"):
                yield ast.unparse(argument.annotation) if argument.annotation else ""


def renames(modules: dict[str, Module]) -> list[str]:
    """Return where a finished file is renamed into its place: the ways to write atomically."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            path = node.func.attr == "replace" and len(node.args) == 1 and not node.keywords
            if path or (owner == "os" and node.func.attr in ("replace", "rename")):
                found.append(f"{module.name}:{node.lineno}")
    return found


def figures(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what is counted, and the figure with its places."""
    modules = read_modules(root)
    sizes = {name: module.lines for name, module in modules.items()}
    lengths = {where: code_lines(node) for where, node in functions(modules)}
    longest = max(lengths, key=lambda where: lengths[where])
    over = {name: size for name, size in sizes.items() if size > LONG_FILE}
    long = sum(length > LONG_FUNCTION for length in lengths.values())
    yield "files", str(len(sizes))
    yield "lines", f"{sum(sizes.values()):,}"
    yield f"files over {LONG_FILE} lines", f"{len(over)}  {_shown(over)}"
    yield "functions", f"{len(lengths):,}, median {median(lengths.values()):.0f} lines"
    yield "longest function", f"{lengths[longest]} lines, {longest}"
    yield f"functions over {LONG_FUNCTION} lines", str(long)
    for number, level in enumerate(LEVELS, 1):
        found = cycles(modules, LEVELS[:number])
        named = "; ".join(" <-> ".join(group) for group in found)
        yield f"import cycles, {'with ' if number > 1 else ''}{level}", f"{len(found)}  {named}"
    lone = lone_importers(modules, listed_modules(root) | doors(root))
    yield "public modules with one importer", f"{len(lone)}  {_shown(lone)}"
    annotations = list(parameters(modules))
    loose = sum(text in ("", "Any", "Any | None") for text in annotations)
    share = loose / len(annotations)
    yield "parameters of type Any", f"{loose} of {len(annotations):,}, {share:.1%}"
    ways = renames(modules)
    yield "places that rename a file into place", f"{len(ways)}  {', '.join(ways)}"


def _shown(facts: dict[str, int] | dict[str, str]) -> str:
    return ", ".join(f"{name} ({fact})" for name, fact in facts.items())


if __name__ == "__main__":
    here = Path(__file__).parents[1] / "src" / "tlkit"
    for what, figure in figures(Path(sys.argv[1]) if len(sys.argv) > 1 else here):
        print(f"{what:<38}  {figure}".rstrip())
