"""One-off migrations: the engine's own passes, one way, with a plan before and a proof after."""
