"""Which model is better, and where it fails."""
