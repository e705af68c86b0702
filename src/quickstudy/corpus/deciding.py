"""Between the passes: which documents stay, in which part each lies, and which words are looked for."""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quickstudy.core.files import write_whole
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import duplicates, languages, splitting, words
from quickstudy.corpus.enough import Remedy, remedy
from quickstudy.corpus.places import Place
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import Shards, packed, unpacked
from quickstudy.corpus.words import Candidate

_ROWS = ("identity", "source", "group", "origin", "pieces", "kept")
KEPT = "kept.npz"
"""who stays and why others do not, once the index was asked: what takes longest is not done again"""


class Decided(NamedTuple):
    """m documents were read and cleaned, those among them that stand for the pieces of a cut one."""

    firsts: tuple[int, ...]
    """number of each shard's first document, and m"""
    kept: NDArray[np.bool_]
    split: NDArray[np.uint8]
    source: NDArray[np.uint16]
    group: NDArray[np.int32]
    origin: NDArray[np.int64]
    """(m,) which document as it was read; the pieces of a long one have one number"""
    groups: tuple[str, ...]
    candidates: list[Candidate]
    advice: Remedy
    """should these be too few"""
    words: int
    """in all that was read"""
    counts: Counter[str]


def decide(
    shards: Shards,
    count: int,
    found: Sequence[Place],
    settings: Settings,
    work: Path,
    watch: Callable[[str, int, int | None], None],
) -> Decided:
    """Errors: QuickstudyError where nothing stays, or too little for three parts."""
    counts: Counter[str] = Counter()
    spoken: Counter[str] = Counter()
    groups: dict[str, int] = {}
    parts: dict[str, list[NDArray]] = {name: [] for name in _ROWS}
    ready = (work / KEPT).is_file()
    index = None if ready else duplicates.Index(work / "index")
    for number in range(count):
        shard = shards.arrays(number, [*_ROWS, "groups", "counts", "words", "heads", *(["bands"] if index else [])])
        counts.update(unpacked(shard["counts"]))
        counts.update(_languages(unpacked(shard["heads"])))
        words.merged(spoken, unpacked(shard["words"]))
        shard["group"] = _group(shard["group"], unpacked(shard["groups"]), shard["source"], found, groups)
        for name, gathered in parts.items():
            gathered.append(shard[name])
        if index is not None:
            index.add(shard["bands"])
        watch("finding duplicates", number + 1, 2 * count)
    firsts = tuple(np.cumsum([0, *map(len, parts["kept"])]).tolist())
    whole = {name: np.concatenate(parts.pop(name)) for name in _ROWS}
    kept = whole["kept"].astype(bool)
    _some(kept, counts)
    if index is not None:
        rows, texts = duplicates.Rows(whole["origin"], whole["pieces"]), duplicates.Texts(shards, firsts)
        more, joins = _without_copies(whole["identity"], kept, index, texts, rows, settings)
        _remember(work, kept, more, joins)
    kept, more, joins = _remembered(work)
    watch("finding duplicates", 2 * count, 2 * count)
    counts.update(more)
    split = np.zeros(len(kept), np.uint8)
    together = splitting.together(whole["origin"], joins)
    split[kept] = splitting.split(whole["identity"][kept], together[kept], whole["group"][kept], list(groups), settings)
    return Decided(
        firsts, kept, split, whole["source"], whole["group"], whole["origin"], tuple(groups),
        words.candidates(spoken, settings), remedy(spoken, settings), sum(spoken.values()), counts,
    )  # fmt: skip


def forget(near: Sequence[int], same: Sequence[int], work: Path) -> None:
    """Takes documents out for the next `decide`: near-duplicates, and those of the same tokens as another."""
    kept, dropped, joins = _remembered(work)
    for documents, why in ((same, "the same tokens as another"), (near, "nearly the same as another")):
        name = f"dropped: {why}"
        dropped[name] = dropped.get(name, 0) + int(kept[list(documents)].sum())
        kept[list(documents)] = False
    _remember(work, kept, dropped, joins)


def _remembered(work: Path) -> tuple[NDArray[np.bool_], dict[str, int], NDArray[np.int64]]:
    with np.load(work / KEPT, allow_pickle=False) as found:
        return found["kept"], unpacked(found["dropped"]), found["joins"]


def _remember(work: Path, kept: NDArray[np.bool_], dropped: Mapping[str, int], joins: NDArray[np.int64]) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, kept=kept, dropped=packed(dict(dropped)), joins=joins)
    write_whole(work / KEPT, file.getvalue())


def _without_copies(
    identity: NDArray[np.uint64],
    kept: NDArray[np.bool_],
    index: duplicates.Index,
    texts: duplicates.Texts,
    rows: duplicates.Rows,
    settings: Settings,
) -> tuple[dict[str, int], NDArray[np.int64]]:
    """(how many went; (J, 2) pairs of rows whose documents share a piece, so belong together). Changes `kept`: in the
    end only documents stay, none that stands for others."""
    same, joins = duplicates.exact(identity, kept, rows)
    near, pairs, more = duplicates.near(index, texts, kept, rows, settings.near, joins)
    kept &= rows.pieces == 0
    counts = {
        "dropped: the same as another": same,
        "dropped: nearly the same as another": near,
        "compared pairs": pairs,
    }
    return counts, np.array([*joins, *more], np.int64).reshape(-1, 2)


def _languages(heads: Sequence[str]) -> Iterator[str]:
    """Here, not by the workers, each of which would load a model for it."""
    found = (languages.told(head) for head in heads if head)
    return (f"language: {name}" for name in found if name)


def _group(
    local: NDArray[np.int32],
    names: list[str],
    source: NDArray[np.uint16],
    found: Sequence[Place],
    groups: dict[str, int],
) -> NDArray[np.int32]:
    """The corpus's numbers for a shard's; a document without a group is of its source's."""
    numbers = np.array([groups.setdefault(name, len(groups)) for name in names], np.int32)
    own = {each: groups.setdefault(found[each].name, len(groups)) for each in sorted(set(source[local < 0].tolist()))}
    by_source = np.array(
        [own[each] if alone else 0 for each, alone in zip(source.tolist(), local < 0, strict=True)], np.int32
    )
    return np.where(local < 0, by_source, numbers[np.maximum(local, 0)] if len(numbers) else by_source)


def _some(kept: NDArray[np.bool_], counts: Counter[str]) -> None:
    if not kept.any():
        dropped = {name: count for name, count in counts.items() if name.startswith("dropped")}
        why = ", ".join(f"{count:,} {name.removeprefix('dropped: ')}" for name, count in sorted(dropped.items()))
        pieces = sum(dropped.values())
        cut = f", in {pieces:,} pieces," if pieces > counts["read"] else ""
        raise QuickstudyError(
            f"corpus: of {counts['read']:,} documents{cut} none is left ({why}); name files of sentences in words."
        )
