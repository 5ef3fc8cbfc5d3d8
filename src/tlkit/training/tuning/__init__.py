"""A search over recipes: settings drawn from a space, trained in rounds, kept in a table."""
