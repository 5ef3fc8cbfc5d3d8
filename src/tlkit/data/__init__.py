"""Images and labels: found, checked, decoded, changed at random, and dealt out in batches.

In come folders, tables and arrays as people have them. Out goes an `ImageDataset`: raw RGB pixels,
uint8, 0..255, with class numbers, class names and a digest of each image; or `UnlabelledImages`,
the same without classes. `sources` reads what people have, `decoding` makes pixels of files,
`augmentation` changes pixels. A new way to read data is a module of `sources`, a new random change
one of `augmentation`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
