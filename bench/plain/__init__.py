"""Meta-learning as it is usually written with transformers and torch, to be measured against."""
