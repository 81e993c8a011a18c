"""What the stand-ins of all vendors share: server, faults, watching, the clock, the handle.

It knows no vendor. Plugins' sandboxes build on it; nothing else of the core sees it.
"""
