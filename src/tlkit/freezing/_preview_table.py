"""The table as which a policy's preview prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlkit.freezing.previews import LayerPreview, PhasePreview, PolicyPreview

# A table of more layers than this shows its ends only.
LONGEST = 16
_BYTES = 4  # features are float32
_IMAGES = 1000


def rows_of(preview: PolicyPreview) -> Iterator[str]:
    """Yield the lines of a preview."""
    yield (
        f"{preview.policy} on {preview.backbone}: {preview.layer_count} layers, "
        f"{preview.parameters:,} parameters"
    )
    for phase in preview.phases:
        yield ""
        if len(preview.phases) > 1:
            yield _epochs(phase)
        yield from _table(phase.layers)
        yield from _facts(phase, preview)


def _epochs(phase: PhasePreview) -> str:
    if phase.last is None:
        return f"epoch {phase.first} to the end"
    return (
        f"epochs {phase.first} to {phase.last}"
        if phase.last > phase.first
        else (f"epoch {phase.first}")
    )


def _table(layers: Sequence[LayerPreview]) -> Iterator[str]:
    if not layers:
        return
    rows = [("layer run in every epoch", "kind", "weights")]
    rows += [(layer.name, layer.kind, layer.state) for layer in layers]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {state:>{widths[2]}}"
        for name, kind, state in rows
    ]
    yield lines[0]
    yield from _shortened(lines[1:])


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= LONGEST:
        return lines
    half = LONGEST // 2
    return [*lines[:half], f"  ... and {len(lines) - 2 * half} more ...", *lines[-half:]]


def _facts(phase: PhasePreview, preview: PolicyPreview) -> Iterator[str]:
    trained, layers = phase.trained_parameters, len(phase.trained_layers)
    yield (
        f"  trained: {trained:,} of {preview.parameters:,} parameters, in {layers} "
        f"layer{'s' * (layers != 1)}; {preview.parameters - trained:,} frozen; the head is trained "
        "besides"
    )
    yield f"  BatchNormalization: {_batch_norm(*phase.batch_norm)}"
    if phase.cut is None:
        reason = phase.note or "nothing that could be run once lies before the first trained layer"
        yield f"  cut: none; every epoch runs the whole model ({reason})"
        return
    yield f"  cut: behind {phase.cut.name!r} {phase.cut.shape}, {_size(phase.cut.floats)}"
    share = phase.once_parameters / preview.parameters if preview.parameters else 0.0
    yield (
        f"  run once per image: {phase.once} of {preview.layer_count} layers, {share:.1%} of the "
        "parameters"
    )


def _batch_norm(trained: int, layers: int) -> str:
    if not layers:
        return "none in this backbone"
    if not trained:
        return f"all {layers} layers frozen, statistics included"
    frozen = f", {layers - trained} frozen" if trained < layers else ""
    return f"{trained} of {layers} layers trained{frozen}, their statistics move"


def _size(floats: int | None) -> str:
    if floats is None:
        return "of no fixed size"
    megabytes = floats * _BYTES * _IMAGES / 1e6
    return f"{floats:,} floats per image, {megabytes:,.1f} MB for {_IMAGES:,} images"
