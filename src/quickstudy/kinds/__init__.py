"""Kinds of task, one file each: from records to batches, from scores to answers."""
