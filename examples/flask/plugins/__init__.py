"""The shop's own plugins; the connector has a folder of that name too, and no package."""

NAME = "plugins of the Flask shop"
