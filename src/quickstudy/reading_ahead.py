"""Texts of the steps to come, read together: frozen layers then read each once, in groups of one shape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch.nn.functional import pad

from quickstudy.core.types import APART, PADDING, Episode, Text, rows
from quickstudy.training.outcome import History
from quickstudy.training.plan import Plan
from quickstudy.training.ranks import Drawn, Ranks

AHEAD = 8
"""steps whose texts are read together"""
ROWS = 256
"""of them at once"""


def read_ahead(
    episodes: Callable[[int, History], Sequence[Episode]], read: Callable[[Text], None], plan: Plan, ranks: Ranks
) -> Callable[[int, History], Sequence[Episode]]:
    """The same episodes, of which `read` is shown the texts of a rank's share some steps ahead: what is read in groups
    of one shape fills them better, the more of it there is. Never beyond a validation, on which episodes may depend."""
    known: dict[int, Sequence[Episode]] = {}

    def ahead(step: int, history: History) -> Sequence[Episode]:
        if step not in known:
            known.clear()
            last = min(step + AHEAD - 1, -(-step // plan.validate_every) * plan.validate_every, plan.steps)
            own: list[Episode] = []
            for later in range(step, last + 1):
                drawn = episodes(later, history)
                share = {place: drawn[place] for place in range(ranks.rank, len(drawn), ranks.size)}
                known[later] = Drawn(len(drawn), partial(_either, share, drawn))
                own += share.values()
            batches = [batch for episode in own for batch in (episode.support, episode.query)]
            names = [episode.support.names for episode in own if episode.support.names is not None]
            for text in together([*(batch.text for batch in batches), *names]):
                read(text)
        return known.pop(step)

    return ahead


def _either(made: Mapping[int, Episode], drawn: Sequence[Episode], place: int) -> Episode:
    return made[place] if place in made else drawn[place]


def together(texts: Sequence[Text]) -> Iterator[Text]:
    """All rows, those whose units are of one form and whose lengths are alike in one text."""
    forms: dict[tuple[int, ...], list[Text]] = {}
    for text in texts:
        forms.setdefault((*text.spans.shape[1:], bool((text.role == APART).any())), []).append(text)
    for alike in forms.values():
        longest = max(text.tokens.shape[1] for text in alike)
        tokens, role = (
            torch.cat([pad(text[part], (0, longest - text[part].shape[1])) for text in alike]) for part in (0, 1)
        )
        whole = Text(tokens, role, torch.cat([text.spans for text in alike]))
        for index in torch.argsort((role != PADDING).sum(1), stable=True).split(ROWS):
            yield rows(whole, index)
