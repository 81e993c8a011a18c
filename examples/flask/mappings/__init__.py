"""The shop's own mappings."""

NAME = "mappings of the Flask shop"
