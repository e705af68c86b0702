"""What bench/writing.py is made of: a small Transformer, what it was trained on, and how it learns a language pair."""
