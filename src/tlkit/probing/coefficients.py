"""What a probe's regression has learned, under the name of this room."""

from tlkit._regression.coefficients import Coefficients

__all__ = ["Coefficients"]
