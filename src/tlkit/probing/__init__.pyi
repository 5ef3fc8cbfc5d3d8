from .probe import (
    Probe as Probe,
    probe as probe,
)
