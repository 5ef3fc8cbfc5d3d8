"""What a freeze policy does to a backbone, as data that prints as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tlkit._keras.graph import CutPoint
from tlkit._printing import Printed, one_line

# A table of more layers than this shows its ends only.
LONGEST = 16
_BYTES = 4  # features are float32
_IMAGES = 1000


@dataclass(frozen=True)
class LayerPreview:
    """A layer that a stage runs in every epoch.

    Args:
        name: As in the backbone.
        kind: Its class.
        trained: Weights that change, those of a low-rank change among them.
        parameters: All its weights.
        low_rank: Weights of its low-rank change, which it has besides while `tlkit.LoRA` trains.
    """

    name: str
    kind: str
    trained: int
    parameters: int
    low_rank: int = 0

    @property
    def state(self) -> str:
        """What happens to it, in words."""
        if not self.parameters:
            return "no weights"
        if self.low_rank:
            return f"{self.parameters:,} changed by {self.trained:,}"
        if self.trained and self.trained < self.parameters:
            return f"{self.trained:,} of {self.parameters:,} trained"
        return f"{self.parameters:,} {'trained' if self.trained else 'frozen'}"


@dataclass(frozen=True, repr=False)
class PhasePreview:
    """Epochs in which the same layers are trained.

    Args:
        first: The first epoch, from 1.
        last: The last epoch, or None where it goes on to the end of the stage.
        layers: The backbone's layers behind the cut, which every epoch runs.
        once: How many of the backbone's layers lie before the cut and are run once per image.
        once_parameters: Their weights.
        cut: Where the model is cut; it may lie in the head. None where all of it is run.
        note: Why there is no cut where the graph allows none, else empty.
        batch_norm: How many of the backbone's BatchNormalization layers are trained, and of how
            many.
    """

    first: int
    last: int | None
    layers: tuple[LayerPreview, ...]
    once: int
    once_parameters: int
    cut: CutPoint | None
    note: str
    batch_norm: tuple[int, int]

    @property
    def trained_layers(self) -> tuple[str, ...]:
        """Names of the backbone's layers that change; the head's are trained besides."""
        return tuple(layer.name for layer in self.layers if layer.trained)

    @property
    def trained_parameters(self) -> int:
        """Weights of the backbone that change."""
        return sum(layer.trained for layer in self.layers)

    def __repr__(self) -> str:
        return (
            f"PhasePreview(epochs {self.first} to {self.last or 'the end'}, "
            f"{self.trained_parameters:,} trained)"
        )


@dataclass(frozen=True, repr=False)
class PolicyPreview(Printed):
    """What a policy does to a backbone; prints as a table.

    Args:
        policy: The policy as text.
        backbone: The backbone's name.
        layer_count: Layers of the backbone, as Keras lists them, without input layers.
        parameters: Weights of the backbone.
        phases: One, or several where the policy's answer changes from epoch to epoch.
        classes: For which the head is; None where nobody said, and it is one for two.
        head_parameters: Weights of the head.
    """

    policy: str
    backbone: str
    layer_count: int
    parameters: int
    phases: tuple[PhasePreview, ...]
    classes: int | None = None
    head_parameters: int = 0

    def __repr__(self) -> str:
        return one_line(f"PolicyPreview({self.policy} on {self.backbone!r}, {list(self.phases)})")

    def __str__(self) -> str:
        return "\n".join(_rows_of(self))


def _rows_of(preview: PolicyPreview) -> Iterator[str]:
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


def _head(preview: PolicyPreview) -> str:
    if preview.classes is None:
        return ""
    return f": {preview.head_parameters:,} parameters for {preview.classes} classes"


def _facts(phase: PhasePreview, preview: PolicyPreview) -> Iterator[str]:
    trained, layers = phase.trained_parameters, len(phase.trained_layers)
    besides = sum(layer.low_rank for layer in phase.layers)
    whose = f"beside {preview.parameters:,}" if besides else f"of {preview.parameters:,}"
    yield (
        f"  trained: {trained:,} {whose} parameters, in {layers} layer{'s' * (layers != 1)}; "
        f"{preview.parameters - trained + besides:,} frozen; the head is trained "
        f"besides{_head(preview)}"
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
    return f"{trained} of {layers} layers trained{frozen}, their statistics are updated"


def _size(floats: int | None) -> str:
    if floats is None:
        return "of no fixed size"
    megabytes = floats * _BYTES * _IMAGES / 1e6
    return f"{floats:,} floats per image, {megabytes:,.1f} MB for {_IMAGES:,} images"
