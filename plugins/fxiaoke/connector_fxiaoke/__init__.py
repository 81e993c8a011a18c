"""Fxiaoke (纷享销客, ShareCRM), as a plugin of the connector, and a stand-in of it.

Facts about the vendor, with their sources, are in `facts`.
"""
