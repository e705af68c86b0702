"""Backbones: any Hugging Face model or a small Transformer of our own, read as units."""
