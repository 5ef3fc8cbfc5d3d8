"""Which of several models is better, and whether that can be claimed."""
