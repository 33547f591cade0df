"""The warehouse: the only modules that run SQL."""
