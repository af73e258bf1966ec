"""What the stages measured, published where Git keeps it."""
