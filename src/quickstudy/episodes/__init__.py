"""Tasks out of data sets: read (files, loading), drawn (sampling, mixing), and kept apart (splits, leaks)."""
