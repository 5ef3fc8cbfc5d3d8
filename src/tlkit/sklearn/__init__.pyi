# The public names of this room.

from .classifier import ImageClassifier as ImageClassifier
from .extractor import FeatureExtractor as FeatureExtractor
from .waived_checks import WAIVED_CHECKS as WAIVED_CHECKS

__all__: list[str]
