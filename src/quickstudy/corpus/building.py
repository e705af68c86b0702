"""A corpus compiled out of raw text: read, cleaned, without copies, split, as token ids, with proof.

Every step leaves its shards in FOLDER.building, so that a build that was stopped goes on there; the corpus itself
appears in one step at the end. The same texts and settings give the same bytes with any number of workers."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from quickstudy.core.files import shown
from quickstudy.core.types import QuickstudyError
from quickstudy.corpus import assembling, enough, manifest, resuming, store, structure, vocabularies
from quickstudy.corpus.deciding import Decided, decide, forget
from quickstudy.corpus.duplicates import Texts
from quickstudy.corpus.encoding import CHOICE, Encode
from quickstudy.corpus.judged import gather
from quickstudy.corpus.pieces import exact
from quickstudy.corpus.places import Place, places
from quickstudy.corpus.proof import Strayed, near_between, proof
from quickstudy.corpus.reading import documents
from quickstudy.corpus.settings import Settings
from quickstudy.corpus.shards import Shards, packed
from quickstudy.corpus.sifting import Sift, batches
from quickstudy.corpus.store import Corpus
from quickstudy.corpus.workers import spread
from quickstudy.episodes.records import Problems

Watch = Callable[[str, int, int | None], None]
"""a step's name, how much of it is done, of how much"""
CHECKED = 1000
"""sentences on which reading by pieces is checked"""
ROUNDS = 8
"""of putting the corpus together anew without documents that are like one of another part. Each takes some out, so that
it would end by itself; but a text that takes more of them is not one to wait for"""


def build(
    named: Sequence[str | Path],
    folder: str | Path,
    settings: Settings | None = None,
    *,
    workers: int = 1,
    watch: Watch = lambda what, done, whole: None,
) -> Corpus:
    """Compiles files, folders, patterns and "hf:NAME" into `folder`, which must not exist, unless this very build made
    it and was killed before it had cleaned up.

    With several workers, processes are spawned: a script must guard its main part (`if __name__ == "__main__"`).
    Errors: QuickstudyError for input that makes no corpus, in one sentence."""
    settings, goal = settings or Settings(), Path(folder)
    vocabularies.checked(settings.tokenizer)
    found = places(named)
    manifest.licences(settings, len(found))
    key = resuming.key(found, settings)
    if resuming.finished(goal, key):
        return Corpus.open(goal)
    if goal.exists():
        raise QuickstudyError(f"{shown(goal)}: this exists already; name another folder or remove it.")
    with resuming.folder(goal, key) as work:
        problems = Problems()
        count = _sift(found, settings, work, key, workers, watch, problems)
        for place in found:
            if place.changed:
                problems.add("sources", place.name, "it changed while it was read, so that no hash of it is given")
        for _ in range(ROUNDS):
            strayed = _compiled(found, settings, work, key, count, workers, watch, problems)
            if not strayed.all:
                break
            shutil.rmtree(work / "tokens")  # first: a build that is killed here finds the same ones again
            forget(strayed.near, strayed.same, work)
            (work / "tokens").mkdir()
        else:
            shutil.rmtree(work / "made")
            raise QuickstudyError(_endless(len(strayed.all), settings))
        resuming.settle(work, goal)
    return Corpus.open(goal)


def _endless(strayed: int, settings: Settings) -> str:
    return (
        f"corpus: the parts were drawn {ROUNDS} times, and still {strayed:,} documents were like one of another part; "
        f"set near below {settings.near:g}, or take a tokenizer that tells your texts apart better than "
        f"{settings.tokenizer}."
    )


def _compiled(
    found: Sequence[Place],
    settings: Settings,
    work: Path,
    key: str,
    count: int,
    workers: int,
    watch: Watch,
    problems: Problems,
) -> Strayed:
    """Makes the corpus in the folder `made`, unless documents turn out to be near one of another part: then these, and
    what is made is no corpus."""
    decided = decide(Shards(work / "texts"), count, found, settings, work, watch)
    tokenizer, apart = _choose(work, count, decided, settings, watch)
    again = f"{key} {int(decided.kept.sum())}"
    jobs = list(zip(range(count), decided.firsts, strict=False))
    for number in spread(Encode(work / "texts", work / "tokens", again), jobs, workers):
        watch("tokenising", number + 1, count)
    return _assemble(work, count, decided, tokenizer, apart, found, settings, workers, problems, watch)


def _sift(
    found: Sequence[Place], settings: Settings, work: Path, key: str, workers: int, watch: Watch, problems: Problems
) -> int:
    """How many shards there are."""
    shards = Shards(work / "texts")
    if settings.without:
        gather(settings.without, shards.folder, settings.seed, settings.scrub)
    whole = sum(place.size for place in found) if all(place.files for place in found) else None
    count = characters = 0
    jobs = batches(documents(found, settings, problems), shards)
    for batch in spread(Sift(shards.folder, settings, key), jobs, workers):
        count, characters = batch.number + 1, characters + batch.characters
        watch("cleaning", characters, whole)
    if not count:
        raise QuickstudyError("corpus: there is no text in what was named; name files that hold some.")
    return count


def _choose(
    work: Path, count: int, decided: Decided, settings: Settings, watch: Watch
) -> tuple[Tokenizer, tuple[bool, int]]:
    """The tokenizer, and whether pieces may be read apart, as seen on how many sentences. Written for the workers."""
    goal = work / "tokens"
    if (goal / CHOICE).is_file():
        with np.load(goal / CHOICE, allow_pickle=False) as made:
            return Tokenizer.from_str(made["tokenizer"].tobytes().decode()), (bool(made["apart"]), int(made["checked"]))
    watch("preparing the tokenizer", 0, 1)
    tokenizer = vocabularies.opened(settings.tokenizer, _sample(work, count, decided, vocabularies.SAMPLE))
    sentences = list(_sample(work, count, decided, CHECKED * 200))[:CHECKED]
    apart = exact(tokenizer, sentences)
    expected = np.array([max(each.count * settings.shares[each.part], 1) for each in decided.candidates])
    limit = np.minimum(settings.uses * 1.5 / np.maximum(expected, settings.uses * 1.5), 1.0)
    np.savez(
        goal / f"making-{CHOICE}",
        kept=decided.kept,
        split=decided.split,
        words=packed([each.word for each in decided.candidates]),
        part=np.array([each.part for each in decided.candidates], np.uint8),
        limit=(limit * (2.0**64 - 2**12)).astype(np.uint64),
        tokenizer=np.frombuffer(tokenizer.to_str().encode(), np.uint8),
        apart=np.array(apart),
        checked=np.array(len(sentences)),
        dtype=np.zeros(0, vocabularies.narrowest(tokenizer)),
    )
    (goal / f"making-{CHOICE}").rename(goal / CHOICE)
    return tokenizer, (apart, len(sentences))


def _assemble(
    work: Path,
    count: int,
    decided: Decided,
    tokenizer: Tokenizer,
    apart: tuple[bool, int],
    found: Sequence[Place],
    settings: Settings,
    workers: int,
    problems: Problems,
    watch: Watch,
) -> Strayed:
    out, shards = work / "made", Shards(work / "tokens")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    watch("putting together", 0, 3)
    sizes = assembling.sizes(shards, count)
    targets = assembling.texts(shards, count, sizes, vocabularies.narrowest(tokenizer), out)
    for name in ("split", "source", "group", "origin"):
        np.save(out / f"{name}.npy", getattr(decided, name)[decided.kept], allow_pickle=False)
    watch("putting together", 1, 3)
    found_uses = assembling.uses(shards, count, sizes, len(decided.candidates), settings)
    enough.check(decided.candidates, np.diff(found_uses.starts).tolist(), decided.advice, settings)
    kept = assembling.words(found_uses, decided.candidates, decided.words, settings, out)
    watch("putting together", 2, 3)
    about = manifest.about(found, decided, sizes, settings, problems, tokenizer, apart)
    store.write_rest(out, kept, tokenizer.to_str(), about, targets)
    texts, numbers = Texts(Shards(work / "texts"), decided.firsts), np.flatnonzero(decided.kept)
    strayed = near_between(out, texts, numbers, settings.near, work / "check", workers)
    if not strayed.all:
        about["proof"] = proof(Corpus.open(out), strayed)
        store.write_rest(out, kept, tokenizer.to_str(), about, targets)
    watch("putting together", 3, 3)
    return strayed


def _sample(work: Path, count: int, decided: Decided, characters: int) -> Iterator[str]:
    """Sentences of training documents, evenly from all shards, about so many characters in all."""
    for number in range(count):
        shards, first = Shards(work / "texts"), decided.firsts[number]
        last = decided.firsts[number + 1]
        train = decided.kept[first:last] & (decided.split[first:last] == store.TRAIN)
        left = max(characters // count, 200)
        places = np.flatnonzero(train)
        for document in shards.documents(number, _spread(train, places, left)):
            for line in document:
                text = structure.plain(structure.flag(line)[1])
                left -= len(text)
                yield text
            if left <= 0:
                break


def _spread(train: Any, places: Any, wanted: int) -> Any:
    """Of the documents, so many as hold about `wanted` characters at 200 each, evenly."""
    step = max(len(places) * 200 // max(wanted, 1), 1)
    chosen = np.zeros(len(train), bool)
    chosen[places[::step]] = True
    return chosen
