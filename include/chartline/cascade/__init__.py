"""The steps of a run, from a ranking to its audience: one file a step, one engine for all that is fetched."""
