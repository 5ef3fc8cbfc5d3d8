"""What a trainer was given for its frozen work, as attributes of the trainer."""

from __future__ import annotations

from pathlib import Path

from tlkit._printing import Printed, code_of, one_line
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.backbones.spec import BackboneSpec
from tlkit.features.engines.precision import TrunkPrecision
from tlkit.features.settings import FrozenSettings
from tlkit.freezing.own_head import head_of
from tlkit.training.stage import Stage


class ShowsSettings(Printed):
    """Has ``settings``, and shows each of them under its own name; prints as code."""

    settings: FrozenSettings
    stages: tuple[Stage, ...]

    @property
    def backbone(self) -> Backbone:
        """What is trained on, a `tlkit.BackboneSpec` or a function."""
        return self.settings.backbone

    @property
    def image_size(self) -> ImageSize | None:
        """What was asked for; None for the backbone's default."""
        return self.settings.image_size

    @property
    def weights(self) -> str | Path | None:
        """Of the backbone."""
        return self.settings.weights

    @property
    def preprocessing(self) -> str:
        """Of the images, inside the backbone."""
        return self.settings.preprocessing

    @property
    def engine(self) -> str:
        """What runs the frozen part."""
        return self.settings.engine

    @property
    def cache(self) -> bool | str | Path:
        """Where features are kept."""
        return self.settings.cache

    @property
    def feature_dtype(self) -> str:
        """As what features are kept."""
        return self.settings.feature_dtype

    @property
    def trunk_precision(self) -> TrunkPrecision:
        """At which the frozen part is run."""
        return self.settings.trunk_precision

    @property
    def seed(self) -> int:
        """What every random choice follows from."""
        return self.settings.seed

    def __repr__(self) -> str:
        return one_line(f"StagedTrainer({', '.join(self._code().values())})")

    def __str__(self) -> str:
        stages = "".join(f"        {stage!r},\n" for stage in self.stages)
        lines = {**self._code(), "stages": f"stages=(\n{stages}    )"}.values()
        return "\n".join(["StagedTrainer(", *(f"    {line}," for line in lines), ")"])

    def _code(self) -> dict[str, str]:
        given = self.backbone
        name = {"backbone": repr(given.name)} if isinstance(given, BackboneSpec) else {}
        return code_of(self, defaults={"head": head_of(None)}, written=name)
