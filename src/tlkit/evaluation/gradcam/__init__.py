"""Where in a picture a model sees a class: Grad-CAM."""
