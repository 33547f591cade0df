"""Routes below `/chartline/api/`, one file a kind of thing."""
