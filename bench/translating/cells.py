"""What stands in each cell of bench/writing.py's tables: an arm, so many pairs, and a draw of them."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bench.shared import parts
from bench.translating import judging, pairs, prompting, student, training
from quickstudy.backbones.speaking import speaking
from quickstudy.core.tensors import load_tensors, save_tensors
from quickstudy.text.reader import Reader

FIRST = "en-cs"
"""whose rates serve other language pairs, too"""
FEW = {"en-ne": (100,)}
"""how many pairs of a language that is costly to write"""
RANDOM, PROMPTED = "random weights", "in context"


class Cell(NamedTuple):
    """One arm on one draw."""

    arm: str
    shots: int
    """pairs that it learns from, or has in its prompt"""
    seed: int


class Cells:
    """Those of a language pair, and what they need, each made when it is first asked for."""

    def __init__(self, asked: argparse.Namespace, data: Path, title: str) -> None:
        self.asked, self.data, self.title, self.pair = asked, data, title, pairs.NEW[title]
        loaded = student.opened(asked.weights / "small", data)
        reader = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
        self.backbone, self.plain = speaking(loaded.backbone), pairs.kind(reader)
        self.own = pairs.new_kind(reader, self.pair)
        self.source = judging.pool(data, self.own, title, self.pair)
        self.test = judging.tested(data, self.own, self.pair)
        self.same = {"begin": asked.begin, "more": asked.more, "small": loaded.fingerprint, "test": len(self.test)}
        self.same |= {"pair": title} if title != FIRST else {}
        self._starts: dict[str, Any] = {}

    def all(self) -> Iterator[Cell]:
        asked = self.asked
        shots = [many for many in asked.shots if many in FEW.get(self.title, asked.shots)]
        prompted = PROMPTED in asked.arms and self.title == FIRST
        yield from (Cell(arm, many, seed) for many in shots for seed in asked.seeds for arm in asked.arms
                    if arm != PROMPTED)  # fmt: skip
        yield from (Cell(PROMPTED, prompting.SHOWN, seed) for seed in asked.seeds if prompted)

    def cut(self) -> str:
        """What the small Transformer reads or writes only in part."""
        parts = {"test sentences": self.test, "pairs to learn from": self.source.examples}
        long = {what: (sum(map(bool, self.own.unread(some))), len(some)) for what, some in parts.items()}
        told = " and ".join(f"{count} of {of} {what}" for what, (count, of) in long.items())
        return f"{self.title}: {told} are longer than the {self.pair.tokens} tokens that are written, or than is read."

    def key(self, cell: Cell) -> dict[str, Any]:
        if cell.arm == PROMPTED:
            how = {"model": prompting.MODEL, "kind": prompting.KIND, "learner": prompting.LEARNER}
            return {**cell._asdict(), **how, "test": len(self.test)}
        steps = {"rates": judging.RATES, "steps": judging.STEPS[cell.shots], "rows": judging.ROWS}
        return {**self.same, **cell._asdict(), **steps}

    def name(self, cell: Cell) -> str:
        return f"{'' if self.title == FIRST else f'{self.title}-'}{cell.arm}-{cell.shots}-{cell.seed}"

    def made(self, cell: Cell) -> dict[str, Any]:
        told = f"{time.strftime('%H:%M:%S')} {self.title} {cell.arm}, {cell.shots} pairs, draw {cell.seed}"
        print(told, file=sys.stderr, flush=True)
        if cell.arm == PROMPTED:
            return prompting.turn(judging.drawn(self.source, self.own, judging.TUNED_ON, cell.seed), self.test)
        rate, theta = self._rate(cell.arm), self.start(cell.arm)
        task = judging.drawn(self.source, self.own, cell.shots, cell.seed)
        found = judging.turn(self.backbone, theta, self.own, task, cell.shots, rate, self.test)
        return {**found, "rate": rate}

    def _rate(self, arm: str) -> float:
        same = {name: value for name, value in self.same.items() if name != "pair"}
        key = {**same, "arm": arm, "rates": judging.RATES, "held": judging.HELD, "test": pairs.NEW[FIRST].tested}

        def best() -> float:
            if self.title != FIRST:
                raise SystemExit(f"no rate for {arm} yet; judge {FIRST} first, whose rates serve {self.title}, too")
            return judging.best_rate(self.backbone, self.start(arm), self.own, self.source, seed=99)

        return float(parts.part(self.asked.parts, f"rate-{arm}", key, best))

    def start(self, arm: str) -> Any:
        """theta of an arm, trained where it is not there yet."""
        if arm == RANDOM:
            return self._kept(RANDOM, self._random)
        begin = self._kept("begin", lambda: self._trained("begin", None, self.asked.begin))
        return self._kept(arm, lambda: self._trained(arm, begin, self.asked.more))

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._starts:
            self._starts[name] = make()
        return self._starts[name]

    def _random(self) -> Any:
        return self.backbone.init(torch.Generator().manual_seed(0))

    def _trained(self, name: str, start: Any, examples: int) -> Any:
        folder = self.asked.weights / f"{name}-{self.asked.begin}-{examples}"
        if not (folder / "theta").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            theta = training.trained(name, start, self.backbone, self.plain, self.data, examples, folder)
            save_tensors(folder / "theta", theta, {})
        return load_tensors(folder / "theta")[0]
