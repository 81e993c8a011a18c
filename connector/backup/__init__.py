"""Backups of the state without keys, and of the keys apart; made, verified, put back, drilled."""
