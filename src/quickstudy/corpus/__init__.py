"""Raw text made into a cleaned, deduplicated, split and tokenised corpus on disk: what pretext tasks are drawn from."""
