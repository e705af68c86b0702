"""Raw text to tokens, and class names to words a model can read."""
