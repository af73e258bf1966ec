"""Clean corpus to examples."""
