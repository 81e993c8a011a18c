"""Keys, sealed data and blind indexes. The engine enters by `vault.open_vault`."""
