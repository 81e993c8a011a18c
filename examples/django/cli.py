"""The back office's own cli; nothing of the connector is called so."""

NAME = "cli of the Django back office"
