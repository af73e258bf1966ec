"""One variant of one adapter to predictions and scores."""
