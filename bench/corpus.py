"""Large corpora compiled: MB of text a second, the most memory that all processes hold, and how episodes cost.

No gigabyte of text is at hand, so large corpora are made of real sentences (English sets under QUICKSTUDY_DATA/meta-
train) put together anew: a document is 5 to 40 of them drawn at random, and no two documents are equal. So sentences
repeat, which a real corpus's do less, and the tokenizer's memory of pieces finds more than it would. One document in
ten is a copy or a near copy (a word changed) of an earlier one, for the index to find. Every size is one run of the
command line `quickstudy corpus build` in a process of its own; memory and processor time are of it and its workers
together, sampled twice a second (memory: proportional set size, so that a page counts once). What was made is
deleted afterwards.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, kept, part
from bench.shared.result import RESULTS, Bar, Output
from quickstudy.core.files import write_whole

SOURCES = (
    "imdb_sample/train", "imdb_sample/valid", "scitldr/train", "scitldr/test", "squadshifts/*", "policyqa/test",
    "huffpost41/all", "multi30k/en-de.train", "tweeteval/*.train", "goemotions/original.train", "csabstruct/train",
    "fewrel/val_wiki",
)  # fmt: skip
FIELDS = ("text", "document", "context", "src", "sentence")
MEGABYTES = (100, 1000)
COPIES, NEAR_COPIES = 0.05, 0.05
LEAST_SPEED, MOST_MEMORY = 5.0, 2048.0
LEAST_EPISODES, MOST_EPISODE_MEMORY, FLAT = 20_000.0, 1024.0, 1.25
ASKED_OF = 1000
"""megabytes of text whose episodes may take so much memory; of larger corpora pages of the file that is mapped stay in
memory as long as nobody else wants it, and count"""
EPISODES, LIMIT = 1000, 64
_END = re.compile(r"(?<=[.!?])\s+")


def main() -> None:
    asked = _asked()
    if asked.episodes:
        _drawn(asked.episodes)
        return
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described((*PACKAGES, "numpy", "ftfy"))
    out = Output("corpus")
    found = {size: _measured(folder, size, asked, cores) for size in sorted(asked.megabytes)}
    _tell(out, found, cores)
    out.close(_bars(found), {"tokenizer": asked.tokenizer, "found": found}, machine, (asked.seed,), asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--megabytes", type=int, nargs="*", default=MEGABYTES, help="sizes of text (100 1000)")
    parser.add_argument("--tokenizer", default="own:8000", help="as quickstudy corpus build takes it (own:8000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--episodes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help="a folder on a disk with room for six times the text")
    return parser.parse_args()


def _measured(folder: Path, megabytes: int, asked: argparse.Namespace, cores: int) -> dict[str, Any]:
    """One corpus made, compiled, read, and taken away again. What is done is kept, should a later step fail."""
    name = f"{megabytes}-{asked.tokenizer.replace(':', '-')}"
    scratch = (asked.scratch or Path(tempfile.gettempdir())) / f"quickstudy-bench-corpus-{name}"
    made, parts = scratch / "made", RESULTS / "parts" / "corpus"
    key = {"code": code_digest("corpus"), "cores": cores, "sources": SOURCES, "seed": asked.seed}
    found = part(parts, f"build-{name}", key, lambda: _built(folder, megabytes, asked, cores, scratch))
    key["code"] = code_digest("corpus", "pretext")
    if kept(parts, f"episodes-{name}", key) is None and not made.is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
        _built(folder, megabytes, asked, cores, scratch)
    episodes = part(parts, f"episodes-{name}", key, lambda: _episodes(made))
    shutil.rmtree(scratch, ignore_errors=True)
    return {**found, "episodes": episodes}


def _built(folder: Path, megabytes: int, asked: argparse.Namespace, cores: int, scratch: Path) -> dict[str, Any]:
    """A run that was stopped goes on: with the text, with the build, and with what was measured of it."""
    scratch.mkdir(parents=True, exist_ok=True)
    text, made, about = scratch / "text.jsonl", scratch / "made", scratch / "text.json"
    if not about.is_file():
        shutil.rmtree(made, ignore_errors=True)
        planted = _make(text, list(_sentences(folder)), megabytes * 10**6, asked.seed)
        write_whole(about, json.dumps(planted).encode())
    command = [
        sys.executable, "-m", "quickstudy", "corpus", "build", str(text), "-o", str(made),
        "--tokenizer", asked.tokenizer, "--workers", str(cores), "--json",
    ]  # fmt: skip
    found = _watched(command, scratch / "clock.json")
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    dropped = manifest["cleaning"]["dropped"]
    return {
        "megabytes": megabytes, **found, **json.loads(about.read_text()), "proof": manifest["proof"],
        **{name: manifest[name] for name in ("documents", "sentences", "tokens")},
        "disk_mb": sum(path.stat().st_size for path in made.iterdir()) / 1e6,
        "same": dropped["the same as another"], "near": dropped["nearly the same as another"],
    }  # fmt: skip


def _watched(command: list[str], clock: Path) -> dict[str, float]:
    """Seconds by the clock and of the processors, and the most memory of all processes together in MB: with what
    `clock` says of earlier runs that were stopped."""
    earlier = (
        json.loads(clock.read_text()) if clock.is_file() else {"seconds": 0, "processor": 0, "peak_mb": 0, "runs": 0}
    )
    start, most, used = time.perf_counter(), 0, {}

    def told() -> dict[str, float]:
        return {
            "seconds": earlier["seconds"] + time.perf_counter() - start,
            "processor": earlier["processor"] + sum(used.values()),
            "peak_mb": max(earlier["peak_mb"], most / 1024),
            "runs": earlier["runs"] + 1,
        }

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        while process.poll() is None:
            family = list(_family(process.pid))
            most = max(most, sum(map(_proportional, family)))
            used.update({each: seconds for each in family if (seconds := _seconds(each))})
            write_whole(clock, json.dumps(told()).encode())
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"corpus: {' '.join(command)} ended with {process.returncode}")
    return told()


def _family(process: int) -> Iterator[int]:
    """A process and all below it."""
    yield process
    for tasks in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _read(tasks).split():
            yield from _family(int(child))


def _proportional(process: int) -> int:
    """Kilobytes that a process holds, with its share of what it holds together with others."""
    told = re.search(r"^Pss:\s+(\d+)", _read(Path(f"/proc/{process}/smaps_rollup")), re.MULTILINE)
    return int(told[1]) if told else 0


def _seconds(process: int) -> float:
    """Of the processor, so far."""
    fields = _read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _read(path: Path) -> str:
    """ "" of a process that has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _sentences(folder: Path) -> Iterator[str]:
    """Different English sentences of 20 to 400 characters."""
    seen: set[str] = set()
    for name in SOURCES:
        for path in sorted((folder / "meta-train").glob(f"{name}.jsonl")):
            with path.open(encoding="utf-8") as file:
                for row in map(json.loads, file):
                    said = [row[each] for each in FIELDS if isinstance(row.get(each), str)]
                    for sentence in (part for text in said for part in _END.split(" ".join(text.split()))):
                        if 20 <= len(sentence) <= 400 and sentence not in seen:
                            seen.add(sentence)
                            yield sentence


def _make(path: Path, sentences: list[str], size: int, seed: int) -> dict[str, int]:
    """Writes about `size` bytes of documents, a JSON object a line; how many copies were planted."""
    rng = random.Random(seed)
    earlier: list[str] = []
    written = same = near = 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            drawn = rng.random()
            if earlier and drawn < COPIES:
                text, same = rng.choice(earlier), same + 1
            elif earlier and drawn < COPIES + NEAR_COPIES:
                words = rng.choice(earlier).split(" ")
                words[rng.randrange(len(words))] = "another"
                text, near = " ".join(words), near + 1
            else:
                text = " ".join(rng.choices(sentences, k=rng.randint(5, 40)))
                if len(earlier) < 2000:
                    earlier.append(text)
                else:
                    earlier[rng.randrange(2000)] = text
            written += file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return {"planted_same": same, "planted_near": near, "pool": len(sentences)}


def _episodes(made: Path) -> dict[str, float]:
    """Episodes of subset masking a minute, and memory, in a process of its own."""
    command = [sys.executable, "-m", "bench.corpus", "--episodes", str(made)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _drawn(made: Path) -> None:
    """The process for the episodes of one corpus: what it found, as JSON."""
    import torch

    from quickstudy.corpus.store import Corpus
    from quickstudy.pretext.frame import Frame
    from quickstudy.pretext.subset_masking import SubsetMasking
    from quickstudy.text.reader import Reader

    torch.set_num_threads(1)
    corpus = Corpus.open(made)
    frame, task = Frame(corpus, Reader(corpus.tokenizer, LIMIT)), SubsetMasking(5, 5, 5)
    start = time.process_time()
    task.episode(frame, 0, 0)
    first = time.process_time() - start
    start = time.process_time()
    for seed in range(1, EPISODES + 1):
        task.episode(frame, 0, seed)
    each = (time.process_time() - start) / EPISODES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"a_minute_of_one_core": 60 / each, "a_minute": 120 / each, "first_s": first, "peak_mb": peak}))


def _tell(out: Output, found: Mapping[int, Mapping[str, Any]], cores: int) -> None:
    rows = [
        (
            f"{size:,} MB", f"{size / one['seconds']:.1f}", f"{size * cores / one['processor']:.1f}",
            f"{one['peak_mb']:.0f}", f"{one['tokens'] / 1e6:.1f}", f"{one['disk_mb']:.0f}",
            f"{one['same']:,} of {one['planted_same']:,}", f"{one['near']:,} of {one['planted_near']:,}",
            f"{one['episodes']['a_minute']:,.0f}", f"{one['episodes']['peak_mb']:.0f}",
        )
        for size, one in found.items()
    ]  # fmt: skip
    header = (
        "text", "MB/s by the clock", f"MB/s of {cores} idle cores", "peak MB", "million tokens", "MB on disk",
        "copies found", "near copies found", "episodes a minute, 2 cores", "peak MB of them",
    )  # fmt: skip
    out.table("Read, cleaned, without copies, split, tokenised, put together", header, rows)
    out.say(
        "of idle cores: by the processor's seconds, since other work ran beside; episodes: subset masking, 5 ways, "
        f"5 + 5 examples of up to {LIMIT} tokens, twice what one core makes of its seconds"
    )


def _bars(found: Mapping[int, Mapping[str, Any]]) -> list[Bar]:
    cores, drawn = 2, [one["episodes"] for one in found.values()]
    bars = [
        Bar("mb_a_second_of_two_cores", min(s * cores / one["processor"] for s, one in found.items()), LEAST_SPEED,
            "at least"),
        Bar("mb_a_second_by_the_clock", min(s / one["seconds"] for s, one in found.items()), LEAST_SPEED, "at least"),
        Bar("peak_mb", max(one["peak_mb"] for one in found.values()), MOST_MEMORY, "at most"),
        Bar("episodes_a_minute", min(each["a_minute"] for each in drawn), LEAST_EPISODES, "at least"),
    ]  # fmt: skip
    small = [one["episodes"]["peak_mb"] for size, one in found.items() if size <= ASKED_OF]
    if small:
        bars.append(Bar("episodes_peak_mb", max(small), MOST_EPISODE_MEMORY, "at most"))
    if len(found) > 1:
        costs = [1 / one["episodes"]["a_minute"] for _, one in sorted(found.items())]
        bars.append(Bar("cost_of_an_episode_largest_to_smallest", costs[-1] / costs[0], FLAT, "at most"))
    return bars


if __name__ == "__main__":
    main()
