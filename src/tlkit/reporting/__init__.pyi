# The public names of this room.

from .gains import Gain as Gain
from .html_report import report as report

__all__: list[str]
