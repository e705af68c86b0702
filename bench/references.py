"""Meta-gradients of this project beside those of learn2learn 0.2.0 and higher 0.2.1, on the same weights and episodes.

Compared is all of theta: every weight that moves, and `head.scale`, through which the class names make the head. The
backbones are a small Transformer in float64 and MiniLM; the plain attention kernel is used on both sides. Needs a
network once, for the two source archives.
"""

import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import quickstudy
from bench.outside import loops
from bench.shared.machine import PACKAGES, described
from bench.shared.options import options
from bench.shared.result import Bar, Output
from quickstudy.backbones import bytelevel, loading
from quickstudy.backbones.encoder import Encoder
from quickstudy.backbones.passages import Passages
from quickstudy.backbones.scope import scope as read_scope
from quickstudy.backbones.small import Sizes, Small
from quickstudy.core.params import map_params, norm
from quickstudy.core.protocols import Learner
from quickstudy.core.types import Episode, Params
from quickstudy.kinds.classification import Classification
from quickstudy.kinds.labelled import Labelled
from quickstudy.learners.anil import Anil
from quickstudy.learners.maml import Maml
from quickstudy.learners.meta_sgd import MetaSgd
from quickstudy.text.reader import Reader

STEPS, RATE, SEEDS = 5, 0.1, (0, 1, 2)
BAR = 1e-5
DISCERNING, APART = "small, float64, all", 1e-2
"""where, and how far, order 1 must be from order 2, so that the comparison could fail"""
PARTS = ("backbone.", "head.", "rate.")
CLASSES = ("card arrival", "lost or stolen card", "fees")


class Case(NamedTuple):
    """A backbone, what of it moves, and episodes."""

    name: str
    encoder: Encoder
    read: Reader


def main() -> None:
    asked = options(__doc__).parse_args()
    torch.set_num_threads(1)
    out = Output("references")
    found: dict[str, dict[str, float]] = {}
    with sdpa_kernel(SDPBackend.MATH):
        for case in _cases():
            for name, ours, theirs in _pairs(case.encoder):
                differences = [_difference(ours, theirs, _episode(case.read, seed), seed) for seed in SEEDS]
                found[f"{case.name}, {name}"] = {key: max(one[key] for one in differences) for key in differences[0]}
            if case.name == DISCERNING:
                discerned = min(_orders_apart(case, seed) for seed in SEEDS)
    out.table(
        f"Relative difference of meta-gradients, {STEPS} inner steps, the largest of {len(SEEDS)} episodes",
        ("", "all of theta", *(f"{part}…" for part in PARTS)),
        [(name, *(f"{row[key]:.1e}" if key in row else "" for key in ("all", *PARTS))) for name, row in found.items()],
    )
    groups = dict.fromkeys(name.rpartition(", ")[0] for name in found)
    bars = [
        Bar(group, max(max(row.values()) for name, row in found.items() if name.startswith(group)), BAR, "at most")
        for group in groups
    ]
    bars.append(Bar(f"{DISCERNING}, maml of order 1 beside order 2", discerned, APART, "at least"))
    out.close(bars, {"differences": found}, described(PACKAGES), SEEDS, asked.write)


def _cases() -> Iterator[Case]:
    words = [row["text"] for row in _rows()]
    small_reader = Reader(bytelevel.train(words, 400), limit=32)
    for written in ("head", "last(1)", "all"):
        body = Small(Sizes(400, width=16, layers=2, heads=2, positions=32, seed=3)).double()
        yield Case(f"small, float64, {written}", Encoder(body, "layers", 16, scope=read_scope(written)), small_reader)
    for kind in ("float32", "float64"):
        loaded = loading.load("minilm", scope="last(1)", precision="float32", device="cpu")
        loaded.backbone.body.to(getattr(torch, kind))
        read = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
        yield Case(f"minilm, {kind}, last(1)", loaded.backbone, read)


Theirs = Callable[[loops.Plain, Params, Episode], Params]


def _pairs(encoder: Encoder) -> Iterator[tuple[str, Learner, Theirs]]:
    """What is compared: its name, our learner, and the same by another library."""
    backbone = Passages(encoder)
    for order in (1, 2):
        settings = {"steps": STEPS, "rate": RATE, "order": order}
        maml = Maml(backbone, head_rate=RATE, **settings)
        anil = Anil(backbone, steps=STEPS, head_rate=RATE, order=order)
        yield f"maml of order {order} by learn2learn", maml, partial(loops.learn2learn_maml, **settings)
        yield f"maml of order {order} by higher", maml, partial(loops.higher_maml, **settings)
        yield f"anil of order {order} by learn2learn", anil, partial(loops.learn2learn_anil, **settings)
    meta_sgd = MetaSgd(backbone, steps=STEPS, rate=RATE, head_rate=RATE)
    yield "meta_sgd by learn2learn", meta_sgd, partial(loops.learn2learn_meta_sgd, steps=STEPS)


def _difference(ours: Learner, theirs: Theirs, episode: Episode, seed: int) -> dict[str, float]:
    """|ours - theirs| / |theirs| over all of theta as one vector, and over its parts."""
    theta = _theta(ours, seed)
    plain = loops.Plain(ours.backbone.backbone, theta, len(CLASSES))
    reference = theirs(plain, theta, episode)
    found, _ = ours.meta_gradient(theta, episode, torch.Generator())
    if found.keys() != reference.keys():
        raise SystemExit(f"not the same weights: {sorted(found.keys() ^ reference.keys())[:4]}")
    return {"all": _apart(found, reference, "")} | {
        part: _apart(found, reference, part) for part in PARTS if any(name.startswith(part) for name in theta)
    }


def _apart(found: Params, reference: Params, begin: str) -> float:
    part = {name: value for name, value in reference.items() if name.startswith(begin)}
    return float(norm(map_params(torch.sub, part, found)) / norm(part))


def _orders_apart(case: Case, seed: int) -> float:
    first, second = (
        Maml(Passages(case.encoder), steps=STEPS, rate=RATE, head_rate=RATE, order=order) for order in (1, 2)
    )
    theta, episode = _theta(first, seed), _episode(case.read, seed)
    found, true = (made.meta_gradient(theta, episode, torch.Generator())[0] for made in (first, second))
    return _apart(found, true, "")


def _theta(learner: Learner, seed: int) -> Params:
    """In the body's precision, moved a little: rates that are all alike would hide a wrong order."""
    rng = torch.Generator().manual_seed(seed)
    dtype = next(learner.backbone.backbone.body.parameters()).dtype
    theta = {name: value.to(dtype) for name, value in learner.init(rng).items()}
    return map_params(lambda value: value * (1 + 0.1 * torch.randn(value.shape, generator=rng, dtype=dtype)), theta)


def _rows() -> list[dict[str, str]]:
    with (Path(quickstudy.__file__).parent / "demo_cards.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _episode(read: Reader, seed: int) -> Episode:
    """Three classes with their names, two examples of each to adapt on and two to be judged on."""
    kind = Classification(read)
    order = torch.randperm(len(rows := _rows()), generator=torch.Generator().manual_seed(seed)).tolist()
    names = dict.fromkeys(CLASSES, "")
    support, query = [], []
    for name in names:
        own = [Labelled(rows[place]["text"], (name,)) for place in order if rows[place]["label"] == name]
        support += own[:2]
        query += own[2:4]
    return Episode(kind.encode(support, names), kind.encode(query, names), kind.loss)


if __name__ == "__main__":
    main()
