"""Mappings: which canonical field lies where on each side, and the lenses between them."""
