"""Heads of one shape that train at once on one read of the features, each as it would alone.

In come members (`Member`: a stage, a head's weights, the rows that train and those that validate)
and features in memory; out comes what each member's own training would have given, to rounding.
"""
