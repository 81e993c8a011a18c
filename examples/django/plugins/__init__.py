"""The back office's own plugins; nothing of the connector is called so."""

NAME = "plugins of the Django back office"
