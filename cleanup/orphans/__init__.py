"""Files on storages whose tasks are gone: found, written down, and in a second step deleted."""
