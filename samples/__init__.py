"""Seeded generators of the sample data under ``data/raw``."""
