"""fine_tune, the one call: what it decides and why, and the trainer that it makes."""
