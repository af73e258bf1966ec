"""Examples to token rows."""
