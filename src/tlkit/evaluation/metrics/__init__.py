"""Figures and their intervals, as functions of labels and probabilities."""
