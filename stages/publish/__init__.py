"""A model with its card, to a hub or a folder."""
