"""The parts of `bench.pretraining`: texts, corpora, arms, how students are judged, tables and the plot."""
