"""A recipe trained again and again on parts of the images, and scored on those left out."""
