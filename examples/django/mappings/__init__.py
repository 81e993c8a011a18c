"""The back office's own mappings; nothing of the connector is called so."""

NAME = "mappings of the Django back office"
