"""Meta-training: from a start theta and many episodes to a better one, or honestly the same."""
