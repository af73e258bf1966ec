"""Answers from any variant of any adapter: `python -m stages.predict --help`."""
