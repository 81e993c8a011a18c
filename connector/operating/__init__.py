"""What an operator does beside syncing: ask why, look again, pause, settle what waits.

Each module works on an open `Connector`; the command's verbs are thin shells around them.
"""
