"""Random streams that depend on what they are for, and on nothing else."""

from __future__ import annotations

import hashlib
import operator

import numpy as np

from tlkit.errors import TlkitError


def whole_seed(seed: int) -> int:
    """Return a seed as Python's own number.

    Raises:
        TlkitError: It is no whole number.

    Example:
        >>> whole_seed(np.int64(7))
        7
    """
    try:
        return operator.index(seed)
    except TypeError:
        raise TlkitError(
            f"seed={seed!r}; expected a whole number, such as 0, from which every random choice "
            "follows: the same number gives the same result."
        ) from None


def stream_seed(seed: int, stage: str, epoch: int = 0, sample: int | None = None) -> int:
    """Derive one 128-bit number from (seed, stage, epoch, sample).

    Every random choice in tlkit starts here, so it depends neither on the order of workers, nor
    on the batch that a sample lands in, nor on the clock. The four values are hashed together
    (BLAKE2b over their exact text), so different values give unrelated streams, and any integer
    is a good seed, negative or large.

    Args:
        seed: The run's seed; any integer.
        stage: What the stream is for, for example a stage's name.
        epoch: Epoch, from 0.
        sample: Index of a sample, or None for a stream that serves the whole epoch.

    Returns:
        An integer in [0, 2**128), to give to ``numpy.random.SeedSequence``.

    Raises:
        TlkitError: seed is no whole number.
        TypeError: epoch or sample is not an integer.

    Example:
        >>> stream_seed(0, "head", 1) == stream_seed(0, "head", 1)
        True
        >>> stream_seed(0, "head", 1) == stream_seed(0, "head", 2)
        False
    """
    numbers = (whole_seed(seed), str(stage), operator.index(epoch))
    text = repr((*numbers, None if sample is None else operator.index(sample)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def stream(seed: int, stage: str, epoch: int = 0, sample: int | None = None) -> np.random.Generator:
    """Return a NumPy generator seeded by `stream_seed` alone.

    Args:
        seed: The run's seed; any integer.
        stage: What the stream is for.
        epoch: Epoch, from 0.
        sample: Index of a sample, or None.

    Returns:
        A fresh generator at the start of its stream.

    Example:
        >>> first, second = stream(7, "split"), stream(7, "split")
        >>> bool(first.random() == second.random())
        True
    """
    return np.random.Generator(np.random.PCG64(stream_seed(seed, stage, epoch, sample)))
