"""The command line of reproduce.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from executors import cluster_address
from protocol import PROFILES

import tlkit

SAMPLE = Path(__file__).parent / "sample"
NEEDS = {0: (1,), 1: (), 2: (1,), 3: (1, 2), 4: (1,), 5: (1, 2, 4)}


def parser(about: str) -> argparse.ArgumentParser:
    """Return the command line of a program that is about this."""
    result = argparse.ArgumentParser(
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Profiles: quick = EfficientNet-Lite 0 to 2 at 128 pixels, a few epochs, minutes on "
        "two cores; study = the published protocol to the letter (16 trials, [0, 1] pixels, "
        "40 epochs, ImageNet weights that Keras downloads), days without a GPU.",
    )
    add = result.add_argument
    add(
        "--data",
        type=Path,
        default=SAMPLE,
        metavar="PATH",
        help="folder in the challenge's layout; the sample that ships by default",
    )
    add("--profile", choices=sorted(PROFILES), default="quick", help="default: quick")
    add(
        "--backbones",
        metavar="A,B",
        type=_names,
        help="candidates of stage 1 instead of the profile's",
    )
    add("--image-size", type=int, metavar="PIXELS", help="instead of the profile's sizes")
    add(
        "--stages",
        type=_stages,
        default=(1, 2, 3, 4, 5),
        metavar="1,2,...",
        help="which stages to run; those that they need are run too (default: 1 to 5); 0 ranks the "
        "candidates before stage 1 trains them, and says how the two orders agree",
    )
    add(
        "--preprocessing",
        choices=("auto", "unit"),
        help="auto: what each backbone was trained on; unit: [0, 1], as the study did",
    )
    add(
        "--weights",
        action="append",
        type=_weights,
        default=[],
        metavar="BACKBONE=FILE",
        help="weights file of a backbone, or 'none' for random weights; may be repeated",
    )
    add(
        "--engine",
        choices=("auto", *(spec.name for spec in tlkit.list_engines())),
        default="auto",
        help="what runs the frozen part; auto takes the faster one, which may be another one next "
        "time and move figures a little: keras gives the same figures every time",
    )
    add(
        "--trunk-precision",
        choices=("float32", "bfloat16", "int8", "auto"),
        default="float32",
        help="the frozen part trains at less than float32 where an engine has it here; what that "
        "does to the figures is measured and told with each training (default: float32)",
    )
    add(
        "--out",
        type=Path,
        default=Path("reproduction"),
        metavar="FOLDER",
        help="where everything is written (default: reproduction)",
    )
    add(
        "--seed", type=int, default=0, help="of split, weights, order and augmentation (default: 0)"
    )
    spread = result.add_mutually_exclusive_group()
    spread.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="processes that run independent trainings at the same time, with the results of one "
        "(default: 1); worth it where there are cores and memory for several",
    )
    spread.add_argument(
        "--executor",
        type=cluster_address,
        metavar="ADDRESS",
        help="dask://HOST:PORT or ray://HOST:PORT: the workers of a cluster run them, which see "
        "--data, --out and the feature store under the same paths",
    )
    add(
        "--plan",
        nargs="?",
        const="",
        metavar="FILE",
        help="run nothing: say what the study takes on this machine, stage by stage, and what "
        "would change that; in FILE as JSON as well",
    )
    add("--resume", action="store_true", help="go on with the study in --out")
    add(
        "--skip-damaged",
        action="store_true",
        help="name damaged images and go on without them, instead of stopping",
    )
    return result


def with_needed(stages: tuple[int, ...]) -> tuple[int, ...]:
    """Return these stages and those that they go on from, in order."""
    return tuple(sorted({*stages, *(n for stage in stages for n in NEEDS[stage])}))


def _workers(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number of processes, at least 1")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _stages(text: str) -> tuple[int, ...]:
    try:
        stages = tuple(int(part) for part in text.split(","))
    except ValueError:
        stages = ()
    if not stages or not set(stages) <= set(NEEDS):
        raise argparse.ArgumentTypeError(f"{text!r}, expected numbers from 0 to 5, such as 1,2")
    return stages


def _weights(text: str) -> tuple[str, str | None]:
    backbone, separator, file = text.partition("=")
    if not (backbone and separator and file):
        raise argparse.ArgumentTypeError(f"{text!r}, expected BACKBONE=FILE or BACKBONE=none")
    return backbone, None if file == "none" else file
