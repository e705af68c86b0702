"""The parts of `bench.peers`: the data sets, how they are drawn from, who takes part, and the tables."""
