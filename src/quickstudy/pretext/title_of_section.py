"""Title of section: under which of N headings does a sentence stand? The classes are called what the headings say.

Headings as the names of what stands under them: a task whose class names must be read, as a user's must be. A class is
one section, so support and query share their documents; with `shots` 0 the names alone decide.
"""

from dataclasses import dataclass

import numpy as np

from quickstudy.core.types import Episode
from quickstudy.corpus.store import HEADING
from quickstudy.pretext.drawn import Drawn
from quickstudy.pretext.frame import Frame
from quickstudy.pretext.luck import Luck
from quickstudy.pretext.sections import Heads, lines, under
from quickstudy.pretext.sides import Sizes


@dataclass(frozen=True)
class TitleOfSection:
    """`shots` and `queries` are sentences a heading."""

    ways: int = 5
    shots: int = 1
    queries: int = 2
    fewest: int = 6
    """tokens of a sentence, at least"""

    def episode(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Episode:
        return self.drawn(frame, part, seed, hardness).episode

    def drawn(self, frame: Frame, part: int, seed: int, hardness: float = 0.0) -> Drawn:
        luck = Luck("title_of_section", self, part, seed)
        lacking = "ask for fewer, or build a corpus out of text with headings (# Title, == Title ==, or underlined)"
        sizes = Sizes(self.ways, self.shots, self.queries)
        return under(frame, part, luck, _sections(frame, part), sizes, self.fewest, frame.said, lacking)


def _sections(frame: Frame, part: int) -> Heads:
    """From behind each heading to the next one, or the document's end."""
    line, document = lines(frame, part, HEADING)
    end = np.asarray(frame.corpus.documents)[document + 1]
    return Heads(line, line + 1, np.minimum(end, np.append(line[1:], len(frame.corpus.flags))))
