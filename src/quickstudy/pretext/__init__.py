"""Pretext tasks, one file each: out of a corpus of raw text, without labels, into episodes."""
