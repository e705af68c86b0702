"""Contestants from outside: scikit-learn on sentence-transformers' embeddings, and SetFit (Tunstall et al. 2022)."""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score

from quickstudy.backbones.catalogue import PACKAGED
from quickstudy.backbones.packaged import place
from quickstudy.core.types import Draw


class Score(NamedTuple):
    """What one contestant did on one draw."""

    contestant: str
    shots: int
    accuracy: float
    macro_f1: float
    seconds_adapt: float
    seconds_answer: float


def judged(name: str, draw: Draw, said: Iterable[Any], adapt: float, answer: float) -> Score:
    gold, told = [one.labels[0] for one in draw.query], [str(label) for label in said]
    f1 = f1_score(gold, told, average="macro", zero_division=0.0)
    return Score(name, draw.shots, float(accuracy_score(gold, told)), float(f1), adapt, answer)


class SentenceLogistic:
    """LogisticRegression, as it comes, on embeddings that are made once a text. Its seconds are without them."""

    name = "sklearn on st"

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(folder), device="cpu")
        self.kept: dict[str, Any] = {}

    def __call__(self, draw: Draw) -> Score:
        known, asked = ([one.text for one in side] for side in (draw.support, draw.query))
        support, query = self._read(known), self._read(asked)
        start = time.perf_counter()
        with warnings.catch_warnings():  # it takes one example a class for a regression
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            head = LogisticRegression(max_iter=1000).fit(support, [one.labels[0] for one in draw.support])
        middle = time.perf_counter()
        said = head.predict(query)
        return judged(self.name, draw, said, middle - start, time.perf_counter() - middle)

    def _read(self, texts: list[str]) -> list[Any]:
        missing = [text for text in dict.fromkeys(texts) if text not in self.kept]
        if missing:
            found = self.model.encode(missing, show_progress_bar=False)
            self.kept.update(zip(missing, found, strict=True))
        return [self.kept[text] for text in texts]


def setfit(folder: Path, draw: Draw, seed: int) -> Score:
    """SetFit's own recipe: 1 epoch of 20 iterations, batches of 16, a logistic regression as head. Its seconds start
    with the loaded model."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments
    from transformers import set_seed

    hush()
    set_seed(seed)
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SetFitModel.from_pretrained(str(folder), device="cpu")
        place = {name: index for index, name in enumerate(draw.classes)}
        data = Dataset.from_dict(
            {
                "text": [one.text for one in draw.support],
                "label": [place[one.labels[0]] for one in draw.support],
            }
        )
        how = TrainingArguments(
            output_dir=work,
            num_epochs=1,
            num_iterations=20,
            batch_size=16,
            seed=seed,
            show_progress_bar=False,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
        )
        trainer = Trainer(model=model, args=how, train_dataset=data)
        trainer.st_trainer.args.disable_tqdm = True
        _without_progress(trainer.st_trainer)
        start = time.perf_counter()
        trainer.train()
        middle = time.perf_counter()
        said = model.predict([one.text for one in draw.query], show_progress_bar=False)
        end = time.perf_counter()
    names = list(draw.classes)
    return judged("setfit", draw, [names[int(at)] for at in said], middle - start, end - middle)


def ours(draw: Draw, load: Callable[[], Any], budget: str = "") -> Score:
    """The default student, who has never read these texts, timed as SetFit is; with the default budget unless one is
    given."""
    student = load()
    examples = [(one.text, one.labels[0]) for one in draw.support]
    start = time.perf_counter()
    task = student.learn(examples, draw.classes, **({"budget": budget} if budget else {}))
    middle = time.perf_counter()
    said = [found.label for found in task.predict([one.text for one in draw.query])]
    name = f"quickstudy {budget}".strip()
    return judged(name, draw, said, middle - start, time.perf_counter() - middle)


def packaged(backbone: str) -> Path | None:
    """The folder of a packaged backbone, which others load from there, too; None where it is not here."""
    return place(PACKAGED[backbone])


def needed(backbone: str) -> Path:
    """The same. Errors: SystemExit where it is not here."""
    found = packaged(backbone)
    if found is None:
        raise SystemExit(f"the backbone {backbone} is not on this machine; run: quickstudy models get {backbone}")
    return found


def hush() -> None:
    """Progress bars and remarks of these libraries off."""
    import logging

    import datasets
    from transformers.utils import logging as remarks

    datasets.disable_progress_bars()
    remarks.disable_progress_bar()
    remarks.set_verbosity_error()
    logging.getLogger("setfit").setLevel(logging.ERROR)


def _without_progress(trainer: Any) -> None:
    from transformers import PrinterCallback, ProgressCallback

    for callback in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)
