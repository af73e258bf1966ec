"""Sources to document store."""
