"""What ships against what it came from, on data sets that it has never seen: 0 to 32 examples a class.

The shipped start, the same backbone as it came (with names, with logistic regression, with names alone), and logistic
regression on the meta-trained encoder; then SetFit on eight sets of few classes, and figures of papers. Each part is
kept under bench/results/parts/unseen (or --parts), so that a run that was stopped goes on where it was.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import published
from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

SHOTS = (0, 1, 2, 4, 8, 16, 32)
OVER_LR = {1: 9.0, 4: 6.0, 16: 5.0}
OVER_PRIOR = {1: 5.0, 4: 5.5, 16: 5.0}
ZERO_SHOT, WORSE, TIMES_FASTER = 5.0, 1.0, 100.0
SETFIT_SHOTS = (4, 16)
SECTIONS = ("ours", "published", "setfit")
LEOPARD_SHOTS, BANKING_SHOTS = (4, 8), (5, 10)
ALL = 1_000_000


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described((*PACKAGES, "sentence-transformers", "setfit"))
    import torch

    torch.set_num_threads(cores)
    from bench.contest.arms import arms

    out = Output("unseen_setfit" if asked.only == ["setfit"] else "unseen")
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    started = time.perf_counter()
    if "ours" in asked.only:
        bars += _unseen(asked, out, folder, arms("minilm", asked.start), figures)
    if "published" in asked.only:
        figures["published"] = _published(asked, out, folder, arms("minilm", asked.start)[:3])
    if "setfit" in asked.only:
        bars += _setfit(asked, out, folder, figures)
    out.say()
    out.say(f"This run took {time.perf_counter() - started:.0f} seconds, without the parts that were there before.")
    out.close(bars, figures, machine, asked.setfit_seeds if asked.only == ["setfit"] else asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "unseen", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--sets", nargs="+", help="only these sets (all)")
    parser.add_argument("--queries", type=int, default=1000, help="questions a draw at most (1000)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="only these sections")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    parser.add_argument("--setfit-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minute", action="store_true", help='also the student with budget="1m" beside SetFit')
    return parser.parse_args()


def _contest(
    asked: argparse.Namespace, folder: Path, takes_part: Sequence[Any], sets: Sequence[Any], shots: Sequence[int],
    most: int,
) -> tuple[dict[Any, Any], dict[str, Any]]:  # fmt: skip
    """The scores on each set, and what was drawn of it."""
    from bench.contest.arms import contest
    from bench.contest.drawing import drawn, read

    results: dict[Any, Any] = {}
    sizes = {}
    for which in sets:
        print(f"{time.strftime('%H:%M:%S')} {which.name}", file=sys.stderr, flush=True)
        pool = read(folder, which)
        results |= contest(asked.parts, takes_part, which, pool, shots, asked.seeds, most)[0]
        last = drawn(pool, shots, asked.seeds[0], most)[-1]
        sizes[which.name] = (which.parts, len(last.classes), len(last.query), len(last.support), pool.left_out)
    return results, sizes


def _unseen(
    asked: argparse.Namespace, out: Output, folder: Path, takes_part: Sequence[Any], figures: dict[str, Any]
) -> list[Bar]:
    from bench.contest import judging, sets, tables
    from bench.contest.arms import LR, NAMES, PRIOR

    chosen = sets.chosen(sets.ENGLISH, asked.sets)
    results, sizes = _contest(asked, folder, takes_part, chosen, SHOTS, asked.queries)
    tables.drawn_table(out, sizes, max(SHOTS))
    figures["accuracy"] = tables.mean_table(out, "Accuracy, minilm", results, "accuracy")
    figures["macro_f1"] = tables.mean_table(out, "Macro F1, minilm", results, "macro_f1")
    compared = tables.paired_table(out, results)
    figures["differences"] = {f"{name} at {shots}": tables.told(one) for (name, shots), one in compared.items()}
    figures["by_set"] = tables.set_tables(out, results)
    bars = [
        Bar(f"minus_{short}_at_{shots}", 100 * compared[name, shots].over_tasks.mean, bar, "at least")
        for short, name, wanted in (("frozen_linear", LR, OVER_LR), ("frozen_prior", PRIOR, OVER_PRIOR))
        for shots, bar in wanted.items()
    ]
    meant = [which.name for which in chosen if _means_something(folder, which)]
    figures["meaningful_names"] = meant
    gain = judging.means(results, "quickstudy", 0, meant) - judging.means(results, NAMES, 0, meant)
    out.say()
    out.say(f"Names that mean something, on which zero-shot is judged: {', '.join(meant)}.")
    bars.append(Bar("zero_shot_minus_frozen_names", gain, ZERO_SHOT, "at least"))
    bars.append(_worst_set(out, judging.losses(results, PRIOR, SHOTS), figures))
    bars.append(Bar("curve_above_zero_shot", judging.above_zero_shot(results, SHOTS), 0.0, "at least"))
    bars.append(Bar("curve_least_step", judging.least_step(results, SHOTS), 0.0, "at least"))
    dips = judging.dips(results, SHOTS)
    figures["dips"] = {f"{name} at {shots}": one.mean for (name, shots), one in dips.items()}
    if dips:
        named = ", ".join(f"{name} at {shots} ({100 * one.mean:.1f})" for (name, shots), one in dips.items())
        out.say(f"Below its own zero-shot beyond noise, in points: {named}.")
    return bars


def _worst_set(out: Output, losses: dict[tuple[str, int], Any], figures: dict[str, Any]) -> Bar:
    """The rule: a set is worse beyond noise by what the lower bound of the paired 95 % interval (Student's t over the
    seeds of that set) of its loss says."""
    from bench.contest.judging import worst

    where, figure = worst(losses)
    figures["losses"] = {
        f"{name} at {shots}": {"mean": one.mean, "low": one.low, "high": one.high}
        for (name, shots), one in losses.items()
        if one.mean > 0
    }
    rows = [
        (f"{name} at {shots}", f"{100 * one.mean:.1f}", "–" if one.low is None else f"{100 * one.low:.1f}")
        for (name, shots), one in sorted(losses.items(), key=lambda each: -each[1].mean)
        if one.mean > 0
    ]
    out.table(
        "Worse than frozen + names prior, in points: a set counts by the lower bound of the 95 % interval over seeds",
        ("", "mean", "lower bound"),
        rows,
    )
    if where:
        out.say(f"  surest: {where[0]} at {where[1]}")
    return Bar("worst_set_lower_bound", figure, WORSE, "at most")


def _means_something(folder: Path, which: Any) -> bool:
    """Whether most names of its classes say anything: the rule by which a task reads them at all."""
    from bench.contest.drawing import read
    from quickstudy.text.names import has_meaning

    names = {one.labels[0] for one in read(folder, which).support}
    return 2 * sum(map(has_meaning, names)) > len(names)


def _published(asked: argparse.Namespace, out: Output, folder: Path, takes_part: Sequence[Any]) -> dict[str, Any]:
    from bench.contest import sets, tables

    banking = [which for which in sets.chosen(sets.ENGLISH, asked.sets) if which.name == "banking77"]
    leopard = sets.chosen(sets.LEOPARD, asked.sets)
    figures: dict[str, Any] = {}
    if banking:
        results, _ = _contest(asked, folder, takes_part, banking, BANKING_SHOTS, ALL)
        figures["banking77"] = tables.mean_table(out, "BANKING77, all test texts", results, "accuracy")
        figures["papers"] = published.quote(out, published.BANKING)
        out.say(f"  {published.OWN_PROTOCOL}")
    if leopard:
        results, _ = _contest(asked, folder, takes_part, leopard, LEOPARD_SHOTS, ALL)
        figures["leopard"] = tables.mean_table(out, "The LEOPARD sets that are here", results, "accuracy")
        figures["leopard_by_set"] = tables.set_tables(out, results)
        out.say(f"  {published.LEOPARD_PROTOCOL}")
    return figures


def _setfit(asked: argparse.Namespace, out: Output, folder: Path, figures: dict[str, Any]) -> list[Bar]:
    from bench.contest import beside_setfit, judging, rivals, sets, tables
    from bench.contest.judging import means

    rivals.hush()
    chosen = sets.chosen(sets.ENGLISH, [name for name in sets.SETFIT_OF_FEW if name in (asked.sets or [name])])
    if not chosen:
        return []
    results = beside_setfit.contest(
        asked.parts, folder, chosen, SETFIT_SHOTS, asked.setfit_seeds, asked.start, ["1m"] if asked.minute else [],
        asked.queries,
    )  # fmt: skip
    own: dict[str, Any] = {"accuracy": tables.mean_table(out, "Beside SetFit 1.2, minilm", results, "accuracy")}
    own["by_set"] = tables.set_tables(out, results)
    compared = tables.paired_table(out, results)
    own["differences"] = {f"{name} at {shots}": tables.told(one) for (name, shots), one in compared.items()}
    tables.time_table(out, results)
    own["seconds"] = tables.runs_table(out, results)
    figures["setfit"] = own
    bars = [
        Bar(f"minus_setfit_at_{n}", means(results, "quickstudy", n) - means(results, "setfit", n), 0.0, "at least")
        for n in SETFIT_SHOTS
    ]
    spent = {name: tables.seconds(results, name) for name in ("quickstudy", "setfit")}
    bars.append(Bar("times_faster_than_setfit", spent["setfit"] / spent["quickstudy"], TIMES_FASTER, "at least"))
    if asked.minute:
        lost = judging.losses(results, "setfit", SETFIT_SHOTS, "quickstudy 1m")
        where, figure = judging.worst(lost)
        out.say(f"  with a minute, surest loss to SetFit: {where} (lower bound {figure:.1f} points)")
        bars.append(Bar("minute_worst_lower_bound", figure, 0.0, "at most"))
    return bars


if __name__ == "__main__":
    main()
