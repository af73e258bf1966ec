"""Document store to clean corpus."""
