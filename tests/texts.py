"""Raw text for the corpus tests: sentences of a few hundred words, drawn with a seed."""

import json
import random
from pathlib import Path

WORDS = """
    river stone garden window market letter winter summer teacher doctor kitchen bridge forest island mountain
    table paper music silver copper engine wheel bottle candle mirror ladder basket blanket carpet ceiling
    chimney corner village harbour station library hospital factory office school church castle tower palace
    museum theatre hotel farmer baker painter writer singer dancer soldier sailor hunter miller butcher tailor
    weaver potter driver pilot
""".split()  # noqa: SIM905
LITTLE = "the a of and in to with was is on for by his her old new long small great never always".split()  # noqa: SIM905


def sentence(rng: random.Random) -> str:
    """Little words and others in turn, the others drawn unevenly."""
    said = []
    for _ in range(rng.randint(4, 8)):
        said += [rng.choice(LITTLE), WORDS[min(int(rng.expovariate(0.05)), len(WORDS) - 1)]]
    return " ".join(said).capitalize() + rng.choice(".....!?")


def texts(count: int, seed: int = 0) -> list[str]:
    """Documents of two to six sentences, none like another."""
    rng = random.Random(seed)
    return [" ".join(sentence(rng) for _ in range(rng.randint(2, 6))) for _ in range(count)]


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
