"""Keeping the keys: which provider, what lies under which key, and changing one for another."""
