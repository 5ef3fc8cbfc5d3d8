"""Features on disk, known by the content of the image: a store of tables of shards."""
