# The public names of this room.

from .html_report import report as report
