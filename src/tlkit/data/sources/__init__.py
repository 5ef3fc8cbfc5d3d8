"""Images and labels as people have them: folders, tables, arrays."""
