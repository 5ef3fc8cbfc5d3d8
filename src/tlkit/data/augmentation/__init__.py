"""Random changes of images: what may stand where an augmentation is asked for."""
