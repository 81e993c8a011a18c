"""The rights of one person: found, shown, corrected, frozen and erased on all sides."""
