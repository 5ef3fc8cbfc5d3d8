"""Make a folder in the challenge's layout at its real size, to rehearse the study on.

    python examples/rakuten/make_rehearsal.py --out rehearsal
    python examples/rakuten/reproduce.py --data rehearsal --skip-damaged --plan

84,916 JPEGs of 500 x 500 pixels in classes as large as the challenge's; a tenth shows something of
another class, some come twice, some are cut off. Called again, it goes on where it was stopped. The
same seed gives the same files, byte for byte, with the same Pillow, however many processes draw.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from challenge import IMAGES, PRODUCTS, TYPES
from numpy.typing import NDArray
from published import CLASS_SIZES
from rehearsal import ALL, LEAST, Rehearsal, Row, file_name, ids

SETTINGS = "rehearsal.json"
_DAMAGED_OF = 10_000
_TRIED, _ROOM = 64, 1.1
_AT_ONCE = 200
_TOLD_EVERY_S = 15.0
# What a file system takes for a file beside its content: half a block on average, and its name.
_BLOCK = 4096 / 2 + 300


def main(arguments: list[str] | None = None) -> int:
    """Make the folder and say how large it is: 0, or 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    damaged = options.damaged
    if damaged is None:
        damaged = max(1, round(options.pictures / _DAMAGED_OF))
    if options.pictures < LEAST or not 0 <= damaged < options.pictures or options.workers < 1:
        raise SystemExit(
            f"--pictures {options.pictures} --damaged {damaged} --workers {options.workers}: "
            f"expected at least {LEAST} pictures, 4 for each of {len(CLASS_SIZES)} classes, fewer "
            "damaged ones, and a process or more."
        )
    begun = time.monotonic()
    try:
        written = make(
            Rehearsal(options.pictures, options.seed, damaged), options.out, options.workers
        )
    except KeyboardInterrupt:
        say("\nStopped. The same command goes on with what is not there yet.")
        return 130
    seconds = time.monotonic() - begun
    told = f"{written / 1e6:,.0f} MB written in {seconds:.0f} s"
    print(f"{options.pictures:,} pictures in {options.out}; {told}")
    return 0


def draw_some(asked: Rehearsal, folder: Path, rows: Iterable[Row]) -> tuple[int, int]:
    """Write some pictures, each whole or not at all; what a process does.

    Args:
        asked: The rehearsal.
        folder: Where to.
        rows: Which.

    Returns:
        How many files, and their bytes.
    """
    count = size = 0
    for row in rows:
        content = asked.content(row)
        part = folder / f".{row.number}.part"
        part.write_bytes(content)
        part.replace(folder / file_name(row.number))
        count, size = count + 1, size + len(content)
    return count, size


def make(asked: Rehearsal, out: Path, workers: int) -> int:
    """Draw what is not there yet; return the bytes that were written.

    Raises:
        SystemExit: There is something else in the folder, or no room on the disk.
    """
    _open(asked, out)
    folder = out / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    _write_tables(out, asked.classes())
    there = {entry.name for entry in os.scandir(folder)}
    rows = [row for row in asked.rows() if file_name(row.number) not in there]
    _require_room(asked, rows, folder)
    if len(rows) < asked.pictures:
        say(f"{asked.pictures - len(rows):,} pictures are there already")
    return _draw_all(asked, folder, rows, workers)


def _draw_all(asked: Rehearsal, folder: Path, rows: list[Row], workers: int) -> int:
    parts = [rows[n : n + _AT_ONCE] for n in range(0, len(rows), _AT_ONCE)]
    begun = told = time.monotonic()
    done = size = 0
    with _drawing(workers) as run:
        # Results come in order, so that a few parts may wait for one: it is a time left.
        for count, written in run(partial(draw_some, asked, folder), parts):
            done, size, now = done + count, size + written, time.monotonic()
            if now - told >= _TOLD_EVERY_S or done == len(rows):
                told, left = now, (now - begun) / done * (len(rows) - done)
                say(f"{done:,} of {len(rows):,} drawn, {size / 1e6:,.0f} MB; {left:.0f} s left")
    return size


@contextmanager
def _drawing(workers: int) -> Iterator[Any]:
    """Give a ``map`` that runs in so many processes, or in this one."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _open(asked: Rehearsal, out: Path) -> None:
    """Make the folder, or see that it holds the same rehearsal."""
    file = out / SETTINGS
    if out.exists() and any(out.iterdir()) and not file.is_file():
        raise SystemExit(f"{out} is there and holds no rehearsal; pass a new folder as --out.")
    settings = asdict(asked)
    if file.is_file():
        known = json.loads(file.read_text("utf-8"))
        changed = [f"{n} {known.get(n)!r}, now {settings[n]!r}" for n in settings
                   if known.get(n) != settings[n]]  # fmt: skip
        if changed:
            raise SystemExit(
                f"{out} holds another rehearsal: {'; '.join(changed)}. Ask for the same one to go "
                "on with it, or pass a new folder as --out."
            )
        return
    out.mkdir(parents=True, exist_ok=True)
    _write(file, json.dumps(settings, indent=1) + "\n")


def _require_room(asked: Rehearsal, rows: list[Row], folder: Path) -> None:
    """Say what the pictures will take, and stop where that is not free."""
    if not rows:
        return
    tried = rows[:: max(1, len(rows) // _TRIED)]
    asked.content(tried[0])  # backgrounds are made with the first
    begun = time.perf_counter()
    sizes = [len(asked.content(row)) for row in tried]
    each = (time.perf_counter() - begun) / len(tried)
    need = int(_ROOM * len(rows) * (np.mean(sizes) + _BLOCK))
    free = shutil.disk_usage(folder).free
    if need > free:
        raise SystemExit(
            f"{len(rows):,} pictures take about {need / 1e9:.2f} GB; {free / 1e9:.2f} GB are free "
            f"in {folder}. Free some space, give another --out, or ask for fewer --pictures."
        )
    say(
        f"{len(rows):,} pictures to draw: about {need / 1e9:.2f} GB of {free / 1e9:.1f} GB free, "
        f"{each * 1e3:.1f} ms each in one process"
    )


def _write_tables(out: Path, classes: NDArray[np.int64]) -> None:
    codes = list(CLASS_SIZES)
    columns = ["", "designation", "description", "productid", "imageid"]
    rows = [[n, f"drawn product {n}", "", *ids(n)] for n in range(len(classes))]
    _write_csv(out / PRODUCTS, [columns, *rows])
    _write_csv(out / TYPES, [["", "prdtypecode"], *([n, codes[k]] for n, k in enumerate(classes))])


def _write_csv(file: Path, rows: Iterable[Iterable[object]]) -> None:
    part = file.with_name(f".{file.name}")
    with part.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    part.replace(file)


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}")
    part.write_text(text, "utf-8")
    part.replace(file)


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="where to write")
    add("--pictures", type=int, default=ALL, help="how many (default: %(default)s)")
    add("--seed", type=int, default=0, help="of everything random (default: 0)")
    add("--damaged", type=int, help="files that are cut off (default: one in 10,000, at least one)")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
