"""The default learner beside its peers: the same backbone, supports and queries, at 0, 1, 4 and 16 shots.

Each part, a data set and a seed, is kept under bench/results/parts/peers (or --parts), so that a run that was
stopped goes on where it was; a part that other weights or settings made is made anew.
"""

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

SHOTS = (0, 1, 4, 16)
SETFIT_SHOTS = 4
LEARNERS = ("prior_head", "frozen_linear", "prototypes", "neighbours", "names_alone")
NEED_EXAMPLES = ("frozen_linear", "prototypes", "neighbours", "fine_tune:last(2)")


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described((*PACKAGES, "sentence-transformers", "setfit"))
    import torch

    torch.set_num_threads(cores)
    from bench.contest import sets, tables
    from bench.contest.rivals import hush

    hush()
    out = Output("peers")
    started = time.perf_counter()
    figures: dict[str, Any] = {}
    english = sets.chosen(sets.ENGLISH, asked.sets)
    results = _contest(asked, folder, "minilm", english)
    _say_what_was_drawn(out, folder, english)
    figures["accuracy"] = tables.mean_table(out, "Accuracy, minilm", results, "accuracy")
    figures["macro_f1"] = tables.mean_table(out, "Macro F1, minilm", results, "macro_f1")
    differences = tables.paired_table(out, results)
    figures["by_set"] = tables.set_tables(out, results)
    bars = [
        Bar(f"minus_frozen_linear_at_{shots}", 100 * differences[at].over_tasks.mean, 0.0, "at least")
        for shots in SHOTS
        if (at := ("frozen_linear", shots)) in differences
    ]
    figures["differences"] = {f"{name} at {shots}": tables.told(one) for (name, shots), one in differences.items()}
    bars += _setfit(asked, out, folder, figures)
    figures["chinese"] = _chinese(asked, out, folder)
    out.say()
    out.say(f"This run took {time.perf_counter() - started:.0f} seconds, without the parts that were there before.")
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    from bench.contest.sets import SETFIT

    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "peers", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", help="only these sets (all)")
    parser.add_argument("--fine-tune", action="store_true", help="also plain fine-tuning of two layers (slow)")
    parser.add_argument("--setfit-sets", nargs="*", default=list(SETFIT))
    parser.add_argument("--setfit-seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def _contest(asked: argparse.Namespace, folder: Path, backbone: str, chosen: Sequence[Any]) -> dict[Any, Any]:
    """Every contestant of the backbone on every set and seed."""
    import quickstudy
    from bench.contest.arms import CODE
    from bench.contest.drawing import drawn, draws_digest, read
    from bench.contest.rivals import Score
    from quickstudy.core.tensors import digest

    student = quickstudy.load(backbone)
    learners = (*LEARNERS, *(("fine_tune:last(2)",) if asked.fine_tune else ()))
    key = {
        "backbone": student.loaded.fingerprint,
        "theta": digest(student.theta),
        "learners": list(learners),
        "shots": list(SHOTS),
        "code": code_digest(*CODE),
        "versions": {name: described((name,))[name] for name in PACKAGES},
    }
    results = {}
    for which in chosen:
        pool = read(folder, which)
        for seed in asked.seeds:
            name = f"{backbone}.{which.name}.{seed}"
            print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
            draws = drawn(pool, SHOTS, seed)
            own = {**key, "draws": draws_digest(draws)}
            made = part(asked.parts, name, own, lambda: _met(student, which.parts, draws, learners))  # noqa: B023
            results[which.name, seed] = [Score(*each) for each in made]
    return results


def _met(student: Any, parts: int, draws: Sequence[Any], learners: Sequence[str]) -> list[Any]:
    """The scores of all on the draws of one set and seed."""
    from bench.contest.rivals import Score
    from quickstudy.contestants import contestants
    from quickstudy.evaluation.metatest import meta_test
    from quickstudy.kinds.classification import Classification

    kind = Classification(student.reader, parts)
    takes_part = contestants(student, learners)
    scores: list[Any] = []
    for draw in draws:
        here = {name: one for name, one in takes_part.items() if draw.shots or name not in NEED_EXAMPLES}
        for outcome in meta_test(here, [draw], kind):
            if outcome.failure:
                raise SystemExit(f"{outcome.contestant} failed on {outcome.draw}: {outcome.failure}")
            measured = (outcome.measures["accuracy"], outcome.measures["macro_f1"])
            scores.append(
                Score(outcome.contestant, draw.shots, *measured, outcome.seconds_adapt, outcome.seconds_answer)
            )
        if draw.shots and parts == 1 and student.loaded.name == "minilm":
            scores.append(_outside()(draw))
    return scores


@functools.cache
def _outside() -> Any:
    from bench.contest.rivals import SentenceLogistic, needed

    return SentenceLogistic(needed("minilm"))


def _say_what_was_drawn(out: Output, folder: Path, chosen: Sequence[Any]) -> None:
    from bench.contest.drawing import drawn, read
    from bench.contest.tables import drawn_table

    sizes = {}
    for which in chosen:
        pool = read(folder, which)
        last = drawn(pool, SHOTS, 0)[-1]
        sizes[which.name] = (which.parts, len(last.classes), len(last.query), len(last.support), pool.left_out)
    drawn_table(out, sizes, max(SHOTS))


def _setfit(asked: argparse.Namespace, out: Output, folder: Path, figures: dict[str, Any]) -> list[Bar]:
    from bench.contest import beside_setfit, sets, tables
    from bench.contest.drawing import MOST_QUERIES

    chosen = sets.chosen(sets.ENGLISH, asked.setfit_sets)
    if not chosen:
        out.say("\nSetFit was left out.")
        return []
    shots = (SETFIT_SHOTS,)
    results = beside_setfit.contest(asked.parts, folder, chosen, shots, asked.setfit_seeds, None, (), MOST_QUERIES)
    figures["setfit"] = {
        "accuracy": tables.mean_table(out, "SetFit 1.2, accuracy, minilm", results, "accuracy"),
        "by_set": tables.set_tables(out, results),
    }
    compared = tables.paired_table(out, results)["setfit", SETFIT_SHOTS]
    tables.time_table(out, results)
    spent = {name: tables.seconds(results, name) for name in ("quickstudy", "setfit")}
    figures["setfit"] |= {"difference": tables.told(compared), "seconds_to_learn": spent}
    return [Bar("minus_setfit_at_4", 100 * compared.over_tasks.mean, 0.0, "at least")]


def _chinese(asked: argparse.Namespace, out: Output, folder: Path) -> dict[str, Any] | None:
    from bench.contest import rivals, sets, tables

    chosen = sets.chosen(sets.CHINESE, asked.sets)
    if rivals.packaged("e5-small") is None:
        out.say("\nChinese sets were left out: e5-small is not on this machine (quickstudy models get e5-small).")
        return None
    if not chosen:
        return None
    results = _contest(asked, folder, "e5-small", chosen)
    _say_what_was_drawn(out, folder, chosen)
    means = tables.mean_table(out, "Accuracy, e5-small on Chinese", results, "accuracy")
    differences = tables.paired_table(out, results)
    by_set = tables.set_tables(out, results)
    told = {f"{name} at {shots}": tables.told(one) for (name, shots), one in differences.items()}
    return {"accuracy": means, "differences": told, "by_set": by_set}


if __name__ == "__main__":
    main()
