"""A million candidates: how long building the index and a search take on one core, and what it misses.

Vectors are MiniLM's, of real English texts under QUICKSTUDY_DATA: each text is one passage, and pieces of it that begin
and end at random words are others, since no million of texts is at hand. Pieces of one text overlap, so the neighbours
of a query lie closer together than those among unrelated texts would. Queries are whole questions of other sets, which
are no pieces of anything indexed. Recall is against exact search. Times are of the processor, all in one thread: what
an idle core would take. usearch stands beside it on the same vectors, where asked for.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder, rows
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import Bar, Output

SOURCES = (
    "clinc150/train", "multidogo/airline.train", "multidogo/media.train", "goemotions/original.train",
    "tweeteval/hate.train", "tweeteval/offensive.train", "tweeteval/emoji.train", "davidson_hate/all",
    "csabstruct/train", "mag7/valid", "huffpost41/all", "situation12/train", "multi30k/en-de.train", "scitldr/train",
)  # fmt: skip
PIECES = 48
SEEDS = (0, 1, 2, 3, 4)
K, ASKED, MOST_MS, LEAST = 10, 100, 50.0, 0.95
_FIELDS = ("text", "src", "document")


def main() -> None:
    asked = _asked()
    cores = limited_to(1)
    folder = data_folder(asked.data)
    machine = described(("quickstudy", "torch", "transformers", "faiss-cpu", "usearch"))
    import torch

    from quickstudy.core.index import Index

    torch.set_num_threads(cores)
    out = Output("index")
    vectors, queries = _vectors(folder, asked.vectors, asked.size)
    order = torch.randperm(len(queries), generator=torch.Generator().manual_seed(0))
    judged = queries[order[: ASKED * len(SEEDS)]].split(ASKED)
    every = Index(vectors)
    slow = [_timed(part[:10], lambda one: every.search(one[None], K).places[0].tolist())[1] for part in judged]
    wanted = [every.search(part, K).places.tolist() for part in judged]
    figures: dict[str, Any] = {"exact_ms": slow}
    found = {"quickstudy": _ours(vectors, judged, wanted)}
    if asked.usearch:
        found[f"usearch, the first {asked.usearch:,}"] = _usearch(vectors[: asked.usearch], judged)
    said = ("", "build s", "ms a query, median", "slowest seed", f"recall@{K}", "lowest seed")
    plain = ("exact", "0", f"{_middle(slow):.1f}", f"{max(slow):.1f}", "1.000", "1.000")
    table = [
        (name, f"{one['build']:.0f}", f"{_middle(one['ms']):.1f}", f"{max(one['ms']):.1f}",
         f"{_mean(one['recall']):.3f}", f"{min(one['recall']):.3f}")
        for name, one in found.items()
    ]  # fmt: skip
    title = f"{len(vectors):,} vectors of width {vectors.shape[1]}, one core, one query at a time"
    out.table(title, said, [plain, *table])
    ours = found["quickstudy"]
    out.say(f"{ours['lists']} lists, of which a query looks into {ours['probes']}; {ASKED} queries a seed")
    bars = [
        Bar("ms_a_query", _middle(ours["ms"]), MOST_MS, "at most"),
        Bar("recall_at_10", min(ours["recall"]), LEAST, "at least"),
    ]
    out.close(bars, {"vectors": len(vectors), **figures, "found": found}, machine, SEEDS, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--size", type=int, default=1_000_000, help="vectors (1000000)")
    parser.add_argument("--vectors", type=Path, help="a .safetensors file that keeps the vectors between runs")
    parser.add_argument("--usearch", type=int, default=0, help="usearch beside it, on so many of the vectors")
    return parser.parse_args()


def _ours(vectors: Any, judged: Sequence[Any], wanted: Sequence[Any]) -> dict[str, Any]:
    from quickstudy.core import index

    start = time.process_time()
    made = index.build(vectors)
    build = time.process_time() - start
    runs = [_timed(part, lambda one: made.search(one[None], K).places[0].tolist()) for part in judged]
    sizes = {"lists": made.lists.nlist, "probes": made.probes}
    return {"build": build, **sizes, **_told(runs, wanted)}


def _usearch(vectors: Any, judged: Sequence[Any]) -> dict[str, Any]:
    import numpy
    from usearch import index

    from quickstudy.core.index import Index

    wanted = [Index(vectors).search(part, K).places.tolist() for part in judged]
    start = time.process_time()
    made = index.Index(ndim=vectors.shape[1], metric="ip", dtype="f16", expansion_search=128)
    made.add(numpy.arange(len(vectors)), vectors.numpy(), threads=1)
    build = time.process_time() - start
    runs = [_timed(part, lambda one: made.search(one.numpy(), K, threads=1).keys.tolist()) for part in judged]
    return {"build": build, **_told(runs, wanted)}


def _timed(queries: Any, search: Callable[[Any], list[int]]) -> tuple[list[list[int]], float]:
    """What is found for each, and milliseconds of processor time a query: what an idle core would take."""
    search(queries[0])
    start = time.process_time()
    found = [search(one) for one in queries]
    return found, 1000 * (time.process_time() - start) / len(queries)


def _told(runs: Sequence[tuple[Any, float]], wanted: Sequence[Any]) -> dict[str, Any]:
    recall = [
        _mean([len(set(got) & set(best)) / K for got, best in zip(found, exact, strict=True)])
        for (found, _), exact in zip(runs, wanted, strict=True)
    ]
    return {"ms": [ms for _, ms in runs], "recall": recall}


def _vectors(folder: Path, kept: Path | None, size: int) -> tuple[Any, Any]:
    """(size, 384) passages and (n, 384) questions."""
    from quickstudy.core.tensors import load_tensors, save_tensors

    if kept and kept.is_file():
        tensors, _ = load_tensors(kept)
    else:
        tensors = dict(zip(("vectors", "queries"), _made(folder, size), strict=True))
        if kept:
            save_tensors(kept, {name: value.half() for name, value in tensors.items()}, {})
    return tensors["vectors"][:size].float().contiguous(), tensors["queries"].float().contiguous()


def _made(folder: Path, size: int) -> tuple[Any, Any]:
    import torch

    from quickstudy.student import backbone, fresh

    student = fresh(backbone("minilm", "head", "bfloat16", "cpu"), {"name": "prior_head"}, "minilm")
    read, units_of = student.reader.read, student.loaded.backbone.units
    rng = torch.Generator().manual_seed(0)
    texts = list(dict.fromkeys(text for name in SOURCES for text in _texts(folder / "meta-train" / f"{name}.jsonl")))
    texts = [texts[place] for place in torch.randperm(len(texts), generator=rng).tolist()]
    found, count = [], 0
    for start in range(0, len(texts), 512):
        text, _ = read([(one,) for one in texts[start : start + 512]])
        spans = _pieces(text.spans[:, 0, 0], rng)
        units = units_of({}, text._replace(spans=spans))
        found.append(units[spans[:, :, 0, 1] > spans[:, :, 0, 0]])
        count += len(found[-1])
        if count >= size:
            break
    asked = [row["context"][0] for row in rows(folder, "covid_faq/all")]
    asked += [row["question"] for row in rows(folder, "xquad/en")]
    text, _ = read([(one,) for one in dict.fromkeys(asked)])
    return torch.cat(found)[:size].float(), units_of({}, text)[:, 0].float()


def _pieces(whole: Any, rng: Any) -> Any:
    """(B, 2) -> (B, PIECES, 1, 2): the whole, and a piece of four tokens or more for every token that there is."""
    import torch

    length = (whole[:, 1] - whole[:, 0])[:, None]
    size = 4 + (torch.rand(len(whole), PIECES, generator=rng) * (length - 4).clamp(min=0)).long()
    start = whole[:, :1] + (torch.rand(len(whole), PIECES, generator=rng) * (length - size + 1).clamp(min=0)).long()
    spans = torch.stack([start, start + size], dim=-1)
    spans[torch.arange(PIECES) >= length.clamp(max=PIECES)] = 0
    spans[:, 0] = whole
    return spans[:, :, None]


def _texts(path: Path) -> list[str]:
    if not path.is_file():
        raise SystemExit(f"no data: {path} is missing; docs/data.md says where to get it")
    with path.open(encoding="utf-8") as file:
        read = [json.loads(line) for line in file if line.strip()]
    return [str(next(row[field] for field in _FIELDS if row.get(field))) for row in read]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
