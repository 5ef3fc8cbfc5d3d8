"""Ground floor: files that appear whole or not at all, checksums, locks."""
