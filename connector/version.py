"""The version, alone, so that ``--version`` costs no import."""

__version__ = "0.1.0"
