"""Adapter and base to full weights, proven equal."""
