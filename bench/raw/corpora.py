"""The three corpora that the benchmark compiles, each once."""

from pathlib import Path
from typing import Any

from bench.raw.texts import HELD_OUT, domains, judged_on
from quickstudy.corpus.building import build
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.store import Corpus

OWN = "own:8000"
"""pieces of the tokenizer of the language models"""


def corpora(place: Path, data: Path) -> dict[str, Corpus]:
    """ "words": read by MiniLM's tokenizer, by random weights, too; "pieces": by one made for these texts, that loses
    nothing; "banking": the unlabelled questions of one development set's training file."""
    found = domains(place / "texts", data)
    judged = tuple(map(str, judged_on(data)))
    files, licences = [str(one.path) for one in found], tuple(one.licence for one in found)
    held = {"held_out": tuple(f"{name}.jsonl" for name in HELD_OUT), "licence": licences, "without": judged}
    banking = data / "development/banking77/train.jsonl"
    rest = tuple(path for path in judged if path != str(banking))
    return {
        "words": _built(place / "words", files, tokenizer="minilm", **held),
        "pieces": _built(place / "pieces", files, tokenizer=OWN, **held),
        "banking": _built(
            place / "banking", [str(banking)], tokenizer="minilm", shortest=10, near=1.0, without=rest, ways=0,
            licence=("CC BY 4.0",), word_shares=(0.8, 0.1, 0.1), most_frequent=0.02,
        ),
    }  # fmt: skip


def _built(place: Path, files: list[str], **settings: Any) -> Corpus:
    if not place.is_dir():
        build(files, place, Settings(**settings), workers=1)
    return Corpus.open(place)
