"""What every benchmark needs: the data folder, the machine, the result with its bars, and parts of long runs."""
