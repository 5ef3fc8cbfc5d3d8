"""Ways to fine-tune, each as a tuple of stages; `tlkit.recipes` shows them.

`default` is tlkit's own, `published` and `big_transfer` hold those of papers, `libraries` those
of other libraries: a new one is a function there, and a name in `tlkit.recipes`.
"""
