"""Random stories against the real engine, judged by oracles that know the truth."""
