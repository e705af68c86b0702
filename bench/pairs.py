"""Pairs of texts read in one row or apart, with and without an axis for their likeness: why `Passages` is as it is.

Frozen features, centred on the support, and scikit-learn's logistic regression; nothing of the learners is involved.
"""

import warnings
from typing import Any

import numpy as np

from bench.shared.data import data_folder, rows
from bench.shared.machine import PACKAGES, described, limited_to
from bench.shared.options import add_data, options
from bench.shared.result import Bar, Output

SETS = {"scitail": "leopard/scitail.eval", "absa14_laptop": "absa14_laptop/train"}
CHINESE = {"bustm": "fewclue_zh/bustm.test_public"}
SHOTS, SEEDS, TEXTS = (4, 16), range(10), 600


def main() -> None:
    parser = options(__doc__)
    add_data(parser)
    asked = parser.parse_args()
    cores = limited_to(asked.cores)
    folder = data_folder(asked.data)
    import torch

    torch.set_num_threads(cores)
    from quickstudy.backbones.packaged import available

    here = {row.name for row in available() if row.where}
    out = Output("pairs")
    accuracy: dict[str, dict[str, list[float]]] = {}
    for backbone, sets in (("minilm", SETS), ("e5-small", CHINESE)):
        if backbone not in here:
            out.say(f"{backbone} is not installed: {', '.join(sets)} left out")
            continue
        for name, file in sets.items():
            records = rows(folder, file)[:TEXTS]
            labels = np.array([record["label"] for record in records])
            for shots in SHOTS:
                accuracy[f"{name}, {shots} shots"] = {
                    how: [_accuracy(units, labels, shots, seed) for seed in SEEDS]
                    for how, units in _read(backbone, records).items()
                }
    ways = list(next(iter(accuracy.values())))
    out.table(
        f"Accuracy, mean and standard deviation of {len(SEEDS)} draws",
        ("", *ways),
        [
            (task, *(f"{100 * np.mean(found[way]):.1f} ± {100 * np.std(found[way], ddof=1):.1f}" for way in ways))
            for task, found in accuracy.items()
        ],
    )
    gains = [np.mean(found["apart + likeness"]) - np.mean(found["one row"]) for found in accuracy.values()]
    bars = [Bar("mean_gain_points", 100 * float(np.mean(gains)), 0.0, "at least")]
    out.close(bars, {"accuracy": accuracy}, described(PACKAGES), list(SEEDS), asked.write)


def _read(name: str, records: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The pairs' vectors (n, W) for each way of reading."""
    import torch

    from quickstudy.backbones.passages import Passages
    from quickstudy.core.types import APART, GIVEN
    from quickstudy.student import load

    student = load(name)
    encoder = student.loaded.backbone
    pairs = [(record["text"], record["text_pair"]) for record in records]
    text = student.reader.read(pairs).text
    one_row = text._replace(role=torch.where(text.role == APART, GIVEN, text.role))
    apart = Passages(encoder).units({}, text)[:, 0].numpy()
    return {
        "one row": encoder.units({}, one_row)[:, 0, :-1].numpy(),
        "apart": apart[:, :-1],
        "likeness alone": apart[:, -1:],
        "apart + likeness": apart,
    }


def _accuracy(units: np.ndarray, labels: np.ndarray, shots: int, seed: int) -> float:
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = [[place for place in order if labels[place] == name] for name in sorted(set(labels))]
    support = np.concatenate([places[:shots] for places in by_class])
    query = np.setdiff1d(order, support)
    centre = units[support].mean(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(max_iter=500).fit(units[support] - centre, labels[support])
    return float(model.score(units[query] - centre, labels[query]))


if __name__ == "__main__":
    main()
