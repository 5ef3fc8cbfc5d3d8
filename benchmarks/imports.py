"""How long `import tlkit` and the first listing take, each in processes of their own."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys

RUNS = 7
CASES = {
    "python starts": "pass",
    "import tlkit": "import tlkit",
    "import tlkit, list_backbones()": "import tlkit; tlkit.list_backbones()",
    "import keras, for comparison": "import keras",
}
TIMED = """
import sys, time
start = time.perf_counter()
{code}
print(time.perf_counter() - start)
loaded = [m for m in ("keras", "tensorflow", "sklearn", "numpy") if m in sys.modules]
print(" ".join(loaded) or "none")
"""


def measure(code: str) -> tuple[float, str]:
    """Return the median seconds of a piece of code in a fresh process, and what it loaded."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", TIMED.format(code=code)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
        for _ in range(RUNS)
    ]
    return statistics.median(float(lines[0]) for lines in outputs), outputs[0][1]


def main() -> None:
    """Print the table."""
    print(f"{platform.platform()}, Python {platform.python_version()}, median of {RUNS}\n")
    print(f"{'':34}{'seconds':>8}  of keras, tensorflow, sklearn, numpy it loads")
    for name, code in CASES.items():
        seconds, loaded = measure(code)
        print(f"{name:34}{seconds:8.3f}  {loaded}")


if __name__ == "__main__":
    main()
