"""Pictures of an evaluation and of training, readable at 27 classes and in black and white.

Each function takes and returns a matplotlib Axes; without one it makes a figure of its own, whose
size fits what is drawn: ``plot_confusion(result).figure.savefig("confusion.png")``.
"""

from tlkit.evaluation.plots._comparison import plot_comparison
from tlkit.evaluation.plots._confusion import plot_confusion
from tlkit.evaluation.plots._history import Histories, plot_history
from tlkit.evaluation.plots._per_class import plot_per_class
from tlkit.evaluation.plots._precision_recall import plot_precision_recall
from tlkit.evaluation.plots._reliability import plot_reliability

__all__ = [
    "Histories",
    "plot_comparison",
    "plot_confusion",
    "plot_history",
    "plot_per_class",
    "plot_precision_recall",
    "plot_reliability",
]
