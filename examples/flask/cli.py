"""The shop's own command line."""

NAME = "cli of the Flask shop"
