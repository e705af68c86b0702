"""What a user should know before a task is believed: texts in another language, cut texts, names that say nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quickstudy import budgets, config
from quickstudy.backbones.languages import warn_about
from quickstudy.backbones.loaded import Loaded
from quickstudy.backbones.vectors import width_of
from quickstudy.core.protocols import Cutting, TaskKind
from quickstudy.core.types import QuickstudyError
from quickstudy.kinds import labelled
from quickstudy.kinds.labelled import Labelled
from quickstudy.kinds.matching import Matching
from quickstudy.starts import start_for
from quickstudy.text.names import named
from quickstudy.text.reader import Reader

DECIMAL = re.compile(r"[+-]?\d*\.?\d+")


def on_task(loaded: Loaded, kind: TaskKind, classes: Mapping[str, str], examples: Sequence[Any]) -> list[str]:
    """Sentences on what a task of any kind is to be learned from. QuickstudyError where the backbone cannot read it."""
    if isinstance(kind, config.NUMERIC) and width_of(loaded.name) is None:
        raise QuickstudyError(f"{loaded.name} reads texts; for vectors, load 'vectors:N', with N numbers each")
    if width_of(loaded.name) is not None and not isinstance(kind, config.NUMERIC):
        raise QuickstudyError('this student judges given vectors and reads no text; learn with kind="vectors"')
    if isinstance(kind, config.LABELLED):
        return on_classes(classes, examples) + on_texts(loaded, kind.reader, examples, classes)
    texts = [text for example in examples for text in kind.texts(example)]
    found = [warn_about(texts or list(classes), loaded.languages)]
    if not isinstance(kind, config.WRITING):  # which say so themselves, as they encode
        found.append(_cut_short(unread(kind, examples), len(examples), "example", loaded))
    if isinstance(kind, Matching):
        others = list(classes.keys() - {name for example in examples for name in (*example.candidates, *example.right)})
        found.append(_cut_short(sum(map(bool, kind.reader.unread(others))), len(others), "other candidate", loaded))
    return [sentence for sentence in found if sentence]


def meant(model: str, kind: Any) -> Any:
    """The kind that is learned where `kind`, a name, a table or nothing, is asked of `model`: for given vectors the one
    over them that goes by the name of one over texts. QuickstudyError for what there is no such thing of."""
    if width_of(model) is None or not isinstance(kind, str | Mapping | None):
        return kind
    table = {"name": kind or "vectors"} if not isinstance(kind, Mapping) else dict(kind)
    name = str(table.get("name", "")).partition(".v")[0]
    if name in config.OVER_VECTORS:
        return {**table, **config.OVER_VECTORS[name]}
    if name in config.KINDS and config.KINDS[name] not in config.NUMERIC:
        raise QuickstudyError(
            f"the kind {name} reads texts, and {model} judges given vectors, which have the kinds "
            f"{', '.join(config.OVER_VECTORS)}; take one of these, or load a model that reads"
        )
    return table


def on_start(origin: str, kind: str | Mapping[str, Any] | None) -> list[str]:
    """A sentence where a start that ships would be better at this kind of tasks."""
    better = start_for(origin, kind)
    return [f"a start that learned how to learn such tasks ships; load({better!r})"] if better != origin else []


def check_fits(kind: TaskKind, labels: Any, budget: str) -> None:
    """QuickstudyError for what a kind has no use for."""
    if isinstance(kind, config.UNLABELLED) and labels:
        raise QuickstudyError("labels are for kinds that choose among named classes, and this is none; leave them out")
    if budget != budgets.DEFAULT and not isinstance(kind, config.LABELLED):
        raise QuickstudyError(f"budget {budget!r} is for labels of texts, and this task has none; leave the budget out")


def on_texts(loaded: Loaded, reader: Reader, examples: Sequence[Labelled], names: Iterable[str] = ()) -> list[str]:
    """Sentences on texts (where there are none, `names`) of another language, and on texts that are read in part."""
    texts = [text for example in examples for text in labelled.texts(example)]
    found = [warn_about(texts or list(names), loaded.languages)]
    found.append(_cut_short(cut(reader, map(labelled.texts, examples)), len(examples), "example", loaded))
    return [sentence for sentence in found if sentence]


def on_classes(classes: Mapping[str, str], examples: Iterable[Labelled]) -> list[str]:
    """Sentences on classes without an example whose names say nothing either, and on measurements taken for classes.
    QuickstudyError where names that say nothing are all there is."""
    shown = {label for example in examples for label in example.labels}
    unknown = [name for name in silent(classes) if name not in shown]
    listed = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    if unknown and len(unknown) == len(classes):
        raise QuickstudyError(f"no example, and names that say nothing ({listed}); give examples or descriptions")
    found = [f"there is no example of {listed}, and names like that say nothing; give examples"] if unknown else []
    if len(classes) > 2 and all(map(DECIMAL.fullmatch, classes)) and any("." in name for name in classes):
        some = ", ".join(list(classes)[:3])
        found.append(f"the labels are numbers ({some}, …), and each is a class of its own here, not a quantity")
    return found


def silent(classes: Mapping[str, str]) -> list[str]:
    """The classes that are read as nothing (`labelled.encode_names`): codes without a description or, where those are
    most, all."""
    words = [named(name, said) for name, said in classes.items()]
    used = 2 * sum(map(bool, words)) > len(words)
    return [name for name, word in zip(classes, words, strict=True) if not (used and word)]


def cut(reader: Reader, examples: Iterable[tuple[str, ...]]) -> int:
    """How many examples, by their texts, are longer than the backbone reads. Only those that may be are tokenised."""
    long = [texts for texts in examples if any(map(reader.may_cut, texts))]
    return int((reader.read(long).cut > 0).sum()) if long else 0


def unread(kind: TaskKind, examples: Sequence[Any]) -> int:
    """Of how many examples the backbone reads a part alone."""
    if isinstance(kind, config.LABELLED):
        return cut(kind.reader, map(labelled.texts, examples))
    return sum(map(bool, kind.unread(examples))) if isinstance(kind, Cutting) else 0


def _cut_short(count: int, of: int, what: str, loaded: Loaded) -> str | None:
    """A sentence on what is read in part; None where all is read."""
    if not count:
        return None
    return (
        f"{count} of {of} {what}s {'is' if count == 1 else 'are'} longer than {loaded.name} reads "
        f"({loaded.limit} tokens); the rest of {'it' if count == 1 else 'them'} was not seen"
    )
