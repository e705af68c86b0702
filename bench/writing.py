"""Writing: a new language pair, English to Czech, from few sentence pairs.

A small Transformer of ours (random weights, 2 layers of width 192) first learns seven other pairs, all of them alike
for a while; then it goes on in one of three ways with as many examples: alike (plain transfer), by Reptile, or by
first-order MAML. Each is then fine-tuned on the same few pairs of multi30k en-cs, at the best of two rates, and
translates the same 200 test sentences greedily; beside them the same from random weights, and the English text as it
is. Five draws of pairs. Intervals are over draws and test sentences (two levels, paired where arms are compared).
Development figures.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.shared import parts
from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

ARMS = ("random weights", "plain", "reptile", "fomaml")
META = ("reptile", "fomaml")
SHOTS, SEEDS = (100, 1000), (0, 1, 2, 3, 4)
BEGIN, MORE = 24_000, 12_000
"""examples: of the beginning that all arms share, and of what each goes on with"""


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    data = data_folder(asked.data)
    machine = described(("quickstudy", "torch", "transformers", "tokenizers", "sacrebleu"))
    import torch

    torch.set_num_threads(cores)
    warnings.simplefilter("ignore")  # a few texts are cut; the table says how many
    from bench.translating import report

    rows = _rows(asked, data)
    out = Output("writing")
    figures = report.tables(out, rows, ARMS, META, asked.shots)
    if asked.write:
        report.curve(asked.write / "writing.svg", figures["by_shots"])
    wanted = [f"{arm} {measure} {shots}" for arm in META for measure in ("bleu", "chrf") for shots in (100, 1000)]
    gaps = figures["gaps"]
    bars = [
        Bar(f"{name.replace(' ', '_')}_minus_plain_at_least", gaps[name]["low"], 0.0, "at least")
        for name in wanted
        if name in gaps
    ]
    out.close(bars, figures, machine, list(asked.seeds), asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "writing", help="where parts are kept")
    parser.add_argument("--weights", type=Path, default=Path("runs/writing"), help="where what was trained is kept")
    parser.add_argument("--begin", type=int, default=BEGIN, help=f"examples all arms share ({BEGIN})")
    parser.add_argument("--more", type=int, default=MORE, help=f"examples each goes on with ({MORE})")
    parser.add_argument("--shots", type=int, nargs="+", default=SHOTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--only", choices=("train", "judge"), help="the one half of it, and no tables")
    return parser.parse_args()


def _rows(asked: argparse.Namespace, data: Path) -> list[dict[str, Any]]:
    """One for each arm, number of pairs, and draw of them."""
    from bench.translating import judging, pairs, student
    from quickstudy.backbones.speaking import speaking
    from quickstudy.text.reader import Reader

    loaded = student.opened(asked.weights / "small", data)
    reader = Reader(loaded.tokenizer, loaded.limit, loaded.prompt, loaded.filler)
    backbone, own = speaking(loaded.backbone), pairs.new_kind(reader)
    starts = _starts(asked, data, backbone, pairs.kind(reader))
    if asked.only == "train":
        sys.exit(0)
    source, test = judging.pool(data, own), judging.tested(data, own)
    same = {"begin": asked.begin, "more": asked.more, "small": loaded.fingerprint, "test": len(test)}
    rows = [_copied(own, test)]
    for shots in asked.shots:
        for seed in asked.seeds:
            for arm in asked.arms:
                key = {**same, "arm": arm, "shots": shots, "seed": seed, "rates": judging.RATES}
                key |= {"steps": judging.STEPS[shots], "rows": judging.ROWS}

                def made(arm: str = arm, shots: int = shots, seed: int = seed) -> dict[str, Any]:
                    rate = _rate(asked, same, arm, backbone, starts[arm], own, source)
                    print(f"{time.strftime('%H:%M:%S')} {arm}, {shots} pairs, draw {seed}", file=sys.stderr, flush=True)
                    task = judging.drawn(source, own, shots, seed)
                    found = judging.turn(backbone, starts[arm], own, task, shots, rate, test)
                    return {**found, "rate": rate}

                found = parts.part(asked.parts, f"{arm}-{shots}-{seed}", key, made)
                rows.append({"arm": arm, "shots": shots, "seed": seed, **found})
    if asked.only == "judge":
        sys.exit(0)
    return [{**row, "wanted": [one.targets[0] for one in test]} for row in rows]


def _rate(asked: argparse.Namespace, same: dict[str, Any], arm: str, backbone: Any, *rest: Any) -> float:
    from bench.translating import judging

    key = {**same, "arm": arm, "rates": judging.RATES, "held": judging.HELD}
    return float(parts.part(asked.parts, f"rate-{arm}", key, lambda: judging.best_rate(backbone, *rest, seed=99)))


def _copied(own: Any, test: Sequence[Any]) -> dict[str, Any]:
    from quickstudy.kinds.written import Sentence

    answers = [Sentence(one.source, 0.0, 0, True) for one in test]
    return {"arm": "copy", "shots": 0, "seed": 0, "said": [one.source for one in test],
            "measures": own.measure(answers, test)}  # fmt: skip


def _starts(asked: argparse.Namespace, data: Path, backbone: Any, own: Any) -> dict[str, Any]:
    """theta of each arm, trained where it is not there yet."""
    import torch

    from bench.translating import training
    from quickstudy.core.tensors import load_tensors, save_tensors

    def theta(name: str, start: Any, examples: int) -> Any:
        folder = asked.weights / f"{name}-{asked.begin}-{examples}"
        if not (folder / "theta").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            save_tensors(folder / "theta", training.trained(name, start, backbone, own, data, examples, folder), {})
        return load_tensors(folder / "theta")[0]

    found = {"random weights": backbone.init(torch.Generator().manual_seed(0))}
    trained = [arm for arm in asked.arms if arm != "random weights"]
    if trained:
        begin = theta("begin", None, asked.begin)
        found |= {arm: theta(arm, begin, asked.more) for arm in trained}
    return found


if __name__ == "__main__":
    main()
