"""Trunks below float32: which precision is taken, and whether it does harm.

In come a trunk, pictures of the training and a precision that was asked for; out come an engine at
that precision and a `PrecisionCheck`, what it costs. `sample` says which pictures it is calibrated
and checked on, `check` compares features with float32's, `choosing` takes the fastest that passes.
"""
