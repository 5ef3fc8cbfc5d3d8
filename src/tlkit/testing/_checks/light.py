"""Whoever lists backbones does not wait for a framework."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from typing import Any

from tlkit.backbones.spec import BackboneSpec
from tlkit.testing.failure import BackboneCheckError, expect
from tlkit.testing.subject import Subject

HEAVY = ("keras", "tensorflow", "torch", "jax", "onnxruntime", "openvino", "sklearn")
# Slower than this is worth a word, though the machine may be to blame.
SLOW = 0.5

# Entry points are loaded one distribution at a time: another plugin's fault is not this one's.
_SCRIPT = """
import json, sys, time
path, module, distribution = json.loads(sys.argv[1])
sys.path[:] = path
from importlib import import_module
from importlib.metadata import entry_points
import tlkit
started, before = time.perf_counter(), set(sys.modules)
import_module(module)
for point in entry_points(group="tlkit.backbones"):
    if point.dist and point.dist.name == distribution:
        list(getattr(point.load(), "tlkit_backbones", list)())
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print("\\n" + json.dumps([sorted(loaded), time.perf_counter() - started]))
"""


def light_import(subject: Subject) -> str:
    """Require that importing its plugin and listing its backbones loads no framework.

    A fresh interpreter imports the module of the builder, loads the entry points of the spec's
    distribution, if it is installed, and calls their hooks.
    """
    module = builder_module(subject.spec)
    expect(
        module != "__main__",
        "Its builder is defined in __main__, which a fresh interpreter does not have, so what it "
        "imports cannot be told. Move the builder into a module of the package.",
    )
    loaded, seconds = _import_afresh(module, subject.spec.distribution)
    heavy = [name for name in HEAVY if name in loaded]
    expect(
        not heavy,
        f"Importing {module} and listing its backbones loads {', '.join(heavy)} and takes "
        f"{seconds:.1f} s, expected no framework: everyone who lists backbones waits for it. "
        "Import frameworks inside the builder.",
    )
    return f"takes {seconds:.1f} s" if seconds > SLOW else ""


def builder_module(spec: BackboneSpec) -> str:
    """Return the name of the module that defines a spec's builder."""
    build: Any = spec.build
    while isinstance(build, functools.partial):
        build = build.func
    return str(build.__module__)


def _import_afresh(module: str, distribution: str) -> tuple[list[str], float]:
    """Return the packages that a fresh interpreter loads, and the seconds that it takes."""
    settings = json.dumps([sys.path, module, distribution])
    done = subprocess.run([sys.executable, "-c", _SCRIPT, settings], capture_output=True, text=True)
    if done.returncode:
        raise BackboneCheckError(
            f"A fresh interpreter cannot import {module}, which defines its builder: "
            f"{(done.stderr.strip().splitlines() or ['it says nothing'])[-1]}\nExpected a module "
            "that imports by itself. Define the builder in a module of the installed package."
        )
    loaded, seconds = json.loads(done.stdout.splitlines()[-1])
    return loaded, seconds
