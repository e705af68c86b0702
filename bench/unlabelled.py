"""What texts without labels are worth to what ships: other texts of the task's own sort, and the very questions.

Half of each draw's questions are judged. The others, without their labels, are the texts that `learn(unlabelled=…)` is
given ("others"); or it is given the judged ones themselves ("questions"), which is transductive. Each part is kept
under bench/results/parts/unlabelled (or --parts).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import RESULTS, Bar, Output

SHOTS = (0, 1, 4, 16)
WITHOUT, WITH = "without", ("others", "questions")


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    from bench.contest import tables
    from quickstudy.evaluation.statistics import compare
    from quickstudy.evaluation.wording import difference, difference_bounds

    out = Output("unlabelled")
    results = _contest(asked, folder)
    figures: dict[str, Any] = {"accuracy": tables.mean_table(out, "Accuracy, minilm", results, "accuracy")}
    figures["by_set"] = tables.set_tables(out, results)
    figures["differences"] = {}
    lines, bars = [], []
    for way in WITH:
        for shots in SHOTS:
            first, second = (tables.values(results, each, shots, "accuracy") for each in (way, WITHOUT))
            found = compare(first, second)
            if found is None:
                continue
            won = [sum(first[name].values()) - sum(second[name].values()) for name in first]
            lost = sum(gap < 0 for gap in won)
            lines.append(
                (way, str(shots), difference(found.over_tasks), difference_bounds(found.over_tasks), str(lost))
            )
            figures["differences"][f"{way} at {shots}"] = tables.told(found)
            bars.append(Bar(f"{way}_gain_at_{shots}", 100 * found.over_tasks.mean, 0.0, "at least"))
    header = ("unlabelled", "shots", "gain", "95 % over sets", "sets lost")
    out.table("With texts without labels minus without, in points of accuracy on the same questions", header, lines)
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "unlabelled", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", help="only these sets (all)")
    parser.add_argument("--queries", type=int, default=600, help="questions a draw at most, half of them judged (600)")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    return parser.parse_args()


def _contest(asked: argparse.Namespace, folder: Path) -> dict[Any, Any]:
    from bench.contest import sets
    from bench.contest.arms import CODE, arms
    from bench.contest.drawing import drawn, draws_digest, read
    from bench.contest.rivals import Score
    from bench.shared.parts import code_digest, part

    ours = arms("minilm", asked.start)[0]
    results: dict[Any, Any] = {}
    for which in sets.chosen(sets.ENGLISH, asked.sets):
        print(f"{time.strftime('%H:%M:%S')} {which.name}", file=sys.stderr, flush=True)
        pool = read(folder, which)
        for seed in asked.seeds:
            draws = drawn(pool, SHOTS, seed, asked.queries)
            key = {**ours.key, "draws": draws_digest(draws), "code": code_digest(*CODE)}
            made = part(
                asked.parts,
                f"{which.name}.{seed}",
                key,
                lambda: _met(ours.student, which.parts, draws),  # noqa: B023
            )
            results[which.name, seed] = [Score(*each) for each in made]
    return results


def _met(student: Any, parts: int, draws: Sequence[Any]) -> list[Any]:
    from bench.contest.arms import turn
    from quickstudy.evaluation.metatest import Contestant
    from quickstudy.kinds import labelled
    from quickstudy.kinds.classification import Classification
    from quickstudy.learners.semi_supervised import SemiSupervised

    kind = Classification(student.reader, parts)
    learner = student.steady()
    half = len(draws[0].query) // 2
    others, judged = draws[0].query[:half], draws[0].query[half:]
    takes_part = {WITHOUT: learner} | {
        name: SemiSupervised(learner, labelled.encode_texts(student.reader, parts, texts)[0])
        for name, texts in zip(WITH, (others, judged), strict=True)
    }
    asked = kind.encode(judged, draws[0].classes)
    return [
        turn(name, Contestant(each, student.theta), kind, draw, asked)[0]
        for draw in draws
        for name, each in takes_part.items()
    ]


if __name__ == "__main__":
    main()
