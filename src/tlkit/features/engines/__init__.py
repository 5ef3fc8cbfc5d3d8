"""What runs a trunk: the interface, the installed engines, and which one is taken."""
