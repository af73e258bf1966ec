"""Merged model to GGUF files, each tried and measured."""
