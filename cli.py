"""Runs the command from a checkout."""

from connector.commands import main

main()
