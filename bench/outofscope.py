""" "I don't know", and how sure: out-of-scope texts refused on CLINC150, and calibration on the development sets.

CLINC150 (Larson et al. 2019): examples from train, questions from test, and the thousand out-of-scope questions of
oos_test, of which no task ever sees one. AUROC tells the two apart; "at 90 %" is the share of in-scope questions that
are kept and labelled right at the threshold that refuses 90 % of the out-of-scope ones. The threshold that a task sets
itself is judged by what it refuses of either.

Calibration is the expected calibration error of Guo et al. 2017 (15 bins), over all answers to a set (all seeds), as
the mean over sets of at least 200 questions (500 a draw at most). That of a single draw is given, too, with what even
right probabilities would show of it by chance. "before": the learner's own scores; "after": with the temperature that
the task fits on examples left out of learning.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.shared.data import data_folder
from bench.shared.machine import described, limited_to
from bench.shared.options import add_data, options
from bench.shared.parts import code_digest, part
from bench.shared.result import RESULTS, Bar, Output

ERROR = 5.0
"""points, at most, at 16 examples a class"""


def main() -> None:
    asked = _asked()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    machine = described()
    import torch

    torch.set_num_threads(cores)
    import quickstudy

    out = Output("outofscope")
    started = time.perf_counter()
    students = {
        "shipped start": quickstudy.load(asked.start or "minilm"),
        "untrained start": quickstudy.load("minilm", learner="prior_head"),
    }
    out.say("CLINC150 is also a training source of the shipped start; the untrained one (frozen minilm, prior_head as")
    out.say("it comes) has seen none of it.")
    figures: dict[str, Any] = {"refusing": {}, "calibration": {}}
    bars: list[Bar] = []
    for name, student in students.items():
        refusing, calibration = _judged(asked, folder, student)
        _say_refusing(out, name, refusing)
        _say_calibration(out, name, calibration)
        figures["refusing"][name], figures["calibration"][name] = refusing, calibration
        bars += _bars(name, refusing, calibration)
    out.say()
    out.say(f"This run took {time.perf_counter() - started:.0f} seconds.")
    out.close(bars, figures, machine, asked.seeds, asked.write)


def _asked() -> argparse.Namespace:
    parser = options(__doc__)
    add_data(parser)
    parser.add_argument("--parts", type=Path, default=RESULTS / "parts" / "outofscope", help="where parts are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", help="calibration on these sets only (all)")
    parser.add_argument("--start", type=Path, help="a student's file (what ships)")
    return parser.parse_args()


def _judged(asked: argparse.Namespace, folder: Path, student: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was measured of a student: {setting: {score: …}}, and {shots: {set: …}}."""
    from bench.contest import sets
    from bench.contest.calibration import calibration
    from bench.contest.refusing import refusing
    from quickstudy.core.tensors import digest

    key = {
        "backbone": student.loaded.fingerprint, "theta": digest(student.theta), "seeds": asked.seeds,
        "code": code_digest("backbones", "core", "kinds", "learners", "text"),
    }  # fmt: skip
    refused = part(asked.parts, "clinc150", key, lambda: refusing(folder, student, asked.seeds))
    errors: dict[str, Any] = {}
    for which in sets.chosen(sets.ENGLISH, asked.sets):
        print(f"{time.strftime('%H:%M:%S')} {which.name}", file=sys.stderr, flush=True)
        own = part(asked.parts, which.name, key, lambda: calibration(folder, student, asked.seeds, which))  # noqa: B023
        for shots, found in own.items():
            errors.setdefault(shots, {})[which.name] = found
    return refused, errors


def _say_refusing(out: Output, name: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    names = [each for each in next(iter(found.values())) if each != "threshold"]
    for measure, title in (("auroc", "AUROC"), ("at_90", "In-scope accuracy at 90 % refused")):
        lines = [(each, *(f"{100 * own[each][measure]:.1f}" for own in found.values())) for each in names]
        out.table(f"{title}, {name}", ("", *found), lines)
    told = {"accuracy": "accuracy if none is refused", "refused_in": "refused in scope (asked for: 5)",
            "refused_out": "refused out of scope", "right_of_kept": "accuracy on what is kept"}  # fmt: skip
    lines = [
        (said, *(f"{100 * one['threshold'][which]:.1f}" for one in found.values())) for which, said in told.items()
    ]
    out.table(f"The threshold that the task sets itself, {name}, in %", ("", *found), lines)


def _say_calibration(out: Output, name: str, found: Mapping[str, Any]) -> None:
    columns = [(own, side) for own in found.values() for side in (0, 1)]
    header = ("", *(f"{shots}: {side}" for shots in found for side in ("before", "after")))
    lines = [
        (which, *(f"{100 * own[which][('before', 'after')[side]]:.1f}" for own, side in columns))
        for which in next(iter(found.values()))
    ]
    for said, names in (
        ("mean", ("before", "after")), ("mean of single draws", ("before_one", "after_one")),
        ("  of right probabilities", ("", "chance_one")), ("confidence less accuracy", ("", "over")),
    ):  # fmt: skip
        lines.append((said, *(f"{100 * _mean(own, names[side]):.1f}" if names[side] else "" for own, side in columns)))
    out.table(f"Calibration error in points at 1, 4, 16 examples a class, {name}", header, lines)


def _mean(own: Mapping[str, Mapping[str, float]], figure: str) -> float:
    return fmean(one[figure] for one in own.values()) if own else float("nan")


def _bars(name: str, refusing: Mapping[str, Any], calibration: Mapping[str, Any]) -> list[Bar]:
    """The gain over the better of both maximum softmax probabilities, mean over the settings, and the error at 16."""
    from bench.contest.refusing import MSP, OURS, TOLD

    start = name.split()[0]

    def gain(figure: str) -> float:
        return fmean(own[OURS][figure] - max(own[MSP][figure], own[TOLD][figure]) for own in refusing.values())

    return [
        Bar(f"{start}_auroc_minus_msp", 100 * gain("auroc"), 0.0, "at least"),
        Bar(f"{start}_accuracy_at_90_minus_msp", 100 * gain("at_90"), 0.0, "at least"),
        Bar(f"{start}_calibration_error_at_16", 100 * _mean(calibration["16"], "after"), ERROR, "at most"),
    ]


if __name__ == "__main__":
    main()
