"""A random walk over the life of mappings, compared with a model."""
