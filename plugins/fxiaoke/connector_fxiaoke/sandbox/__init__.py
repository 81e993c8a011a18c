"""A strict, stateful stand-in of Fxiaoke over real HTTP, held to the facts and nothing else."""
