"""An OpenAI-compatible server for the adapters: `python -m stages.serve --help`."""
