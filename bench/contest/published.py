"""Figures of papers on sets that are here, with how their backbone and protocol differ from this project's."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One number of a paper, in percent of accuracy."""

    name: str
    """of the set"""
    shots: int
    accuracy: float
    method: str
    source: str
    differs: str


BANKING = (
    Figure(
        "banking77", 10, 85.19, "USE + ConveRT", "Casanueva et al. 2020, arXiv 2003.04807",
        "two larger encoders, one of them trained on dialogue; an MLP over both, its settings searched; one official "
        "draw of ten examples a class",
    ),
    Figure(
        "banking77", 5, 80.86, "CPFT", "Zhang et al. 2021, arXiv 2109.06349",
        "RoBERTa-base (125 million weights), all of them fine-tuned for each task, after contrastive pre-training on "
        "intent sets without labels, among them BANKING77's own training texts",
    ),
    Figure(
        "banking77", 10, 87.20, "CPFT", "Zhang et al. 2021, arXiv 2109.06349", "as at 5",
    ),
)  # fmt: skip
OWN_PROTOCOL = (
    "Here: MiniLM-L6 (22.7 million weights), frozen while a task is learned, class names read, no validation examples, "
    "no search; supports drawn anew for each seed, all 77 classes, the whole test set."
)
LEOPARD_PROTOCOL = (
    "Bansal et al. 2020 (arXiv 1911.03863) report these sets at 4 and 8 shots for BERT-base (110 million weights), "
    "meta-trained on GLUE and SNLI and fine-tuned on each task, over ten fixed supports, without class names. Their "
    "numbers are not repeated here: the table could not be looked up again where this was written. The files here are "
    "samples of theirs, split anew: half of each class asks, supports come from the other half."
)
