"""`quickstudy evaluate`: the meta-test. A student and all baselines learn the same unseen tasks."""

import dataclasses
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.console import Device, Json, count, progress, say
from quickstudy.cli.learning import Columns, Kind

if TYPE_CHECKING:
    from quickstudy.core.protocols import TaskKind
    from quickstudy.core.types import Draw
    from quickstudy.evaluation.metatest import Outcome
    from quickstudy.evaluation.report import Report
    from quickstudy.student import Student


OF_DRAWING = ("ways", "shots", "queries", "episodes", "seed")
"""options that say how episodes are drawn"""


ENDINGS = (".html", ".md", ".json")
"""of the report's files"""


def evaluate(
    context: typer.Context,
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Data files, packaged data sets (bbc_news, …) or a recipe (its validation sources)."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The report's files, without an ending.")
    ] = Path("meta-test"),
    model: Annotated[str, typer.Option(help="What is judged: as for `learn --model`.")] = "minilm",
    learners: Annotated[
        str | None,
        typer.Option(help="Baselines with commas between them, each a learner or learner:scope. "
                     "[default: all of them]", show_default=False),
    ] = None,
    ways: Annotated[int, typer.Option(min=0, help="Classes of a task; 0: all that there are.")] = 5,
    shots: Annotated[str, typer.Option(help="Examples a class; several with commas between them.")] = "0,1,4,16",
    queries: Annotated[int, typer.Option(min=1, help="Texts a class that are judged.")] = 10,
    episodes: Annotated[int, typer.Option(min=1, help="Tasks of each data set at each number of shots.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the first task; the others follow it.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write the episodes to this .jsonl, too.")] = None,
    episodes_from: Annotated[Path | None, typer.Option(help="Take the episodes from such a file.")] = None,
    identity: Annotated[str | None, typer.Option("--id", help="Only the episode of this id.")] = None,
    columns: Columns = None,
    kind: Kind = None,
    worth: Annotated[
        bool, typer.Option("--worth", help="Say whether meta-learning was worth it, against what one would use "
                           "without it: in accuracy, labels saved and seconds.")
    ] = False,
    pretext: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Instead of data: a corpus, on whose test part the student "
                                  "adapts to tasks out of raw text.")
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:  # fmt: skip
    """Meta-tests a student against every baseline on the same tasks; writes .html, .md and .json.

    [bold]Examples[/bold]

      quickstudy evaluate tickets.csv -o report

      quickstudy evaluate tickets.csv --ways 5 --shots 1,5 --episodes 20 --export tasks.jsonl

      quickstudy evaluate tickets.csv --worth --episodes 20

      quickstudy evaluate --episodes-from tasks.jsonl --learners prototypes,maml

      quickstudy evaluate --pretext corpus --model runs/own/student.qs
    """
    from quickstudy import contestants as who
    from quickstudy import remarks
    from quickstudy.cli import pretexts, reporting, unseen
    from quickstudy.cli.places import check_place, check_there, columns_of, kind_of
    from quickstudy.episodes.exchange import export as write_episodes
    from quickstudy.evaluation.report import About
    from quickstudy.evaluation.summary import summarise
    from quickstudy.student import load

    if pretext is not None and not data and episodes_from is None:
        pretexts.show(pretext, model, episodes, seed, device, json)
        return
    _check_named(context)
    output = output.with_suffix("") if output.suffix in ENDINGS else output
    for place in (*(output.with_name(output.name + ending) for ending in ENDINGS), *([export] if export else [])):
        check_place(place, *(data or []), episodes_from)
    check_there(*(data or []), episodes_from)
    numbers = _numbers(shots)
    asked, given = kind_of(kind), columns_of(columns)
    if (named := _names(learners)) is not None:
        who.check(named)
    student = load(model, kind=asked, device=device)
    asked = remarks.meant(student.loaded.name, asked)
    if episodes_from is not None:
        draws, made = unseen.stored(episodes_from, identity, student.reader, asked)
    else:
        sources, made = unseen.sources_of(data or [], student.reader, given, asked)
        draws = (
            unseen.redrawn(identity, sources, made)
            if identity is not None
            else unseen.drawn(sources, made, ways, numbers, queries, episodes, seed)
        )
    if export is not None:
        say(f"{count(write_episodes(draws, made, export), 'episode')} -> {export}")
    _warn(student, draws, made)
    met = _met(student, data or [], draws)
    seeds = () if episodes_from or identity else tuple(range(seed, seed + episodes))
    usual = who.fitting(student, who.WITHOUT if worth else who.BASELINES)
    found = _tested(student, draws, made, usual if named is None else named)
    facts = _facts(student, met) | unseen.signed(made)
    report = summarise(found, who.REFERENCE, About(seeds=seeds, facts=facts, measure=unseen.measure(made, found)))
    if worth:
        report = _weighed(report, found, met)
    reporting.give(report, output, json)


def _check_named(context: typer.Context) -> None:
    """That there is one thing to evaluate on, and nothing is asked of episodes that are drawn already."""
    from quickstudy.core.types import QuickstudyError

    asked = context.params
    if bool(asked["data"]) == (asked["episodes_from"] is not None) or asked["pretext"] is not None:
        raise QuickstudyError(
            "name what to evaluate on: data files, a recipe, --episodes-from a file, or --pretext a corpus"
        )
    if asked["episodes_from"] is None and asked["identity"] is None:
        return
    for name in OF_DRAWING:
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE":
            raise QuickstudyError(f"--{name} is for episodes that are yet to be drawn, and these are; leave it out")


def _met(student: "Student", data: Sequence[str], draws: "Sequence[Draw]") -> dict[str, str]:
    """Which of the tasks the student has met before, with a warning of each."""
    from quickstudy import lineage
    from quickstudy.cli import unseen

    found = lineage.met(student.about, *unseen.named(data, draws))
    for name, said in found.items():
        say(f"warning: {name}: the student was {said} a source of this name, so what is measured on it says little of "
            "tasks that it has not met")  # fmt: skip
    return found


def _warn(student: "Student", draws: "Sequence[Draw]", kind: "TaskKind") -> None:
    """Of texts that the student reads badly."""
    from quickstudy import remarks

    seen = {kind.texts(example): example for one in draws for example in (*one.support, *one.query)}
    for doubt in remarks.on_task(student.loaded, kind, {}, list(seen.values())):
        say(f"warning: {doubt}")


def _weighed(report: "Report", outcomes: "Sequence[Outcome]", met: dict[str, str]) -> "Report":
    """With whether meta-learning was worth it."""
    from quickstudy import contestants as who
    from quickstudy.evaluation.worth import judged

    fair = [one for one in outcomes if one.shots or one.contestant not in who.NEED_EXAMPLES]
    found = judged(fair, who.REFERENCE, _called(outcomes), report.about.measure)
    if found is None:
        say("whether it was worth it cannot be told: no baseline learned an episode that the student learned, too")
    return dataclasses.replace(report, worth=found and dataclasses.replace(found, met=met))


def _tested(student: "Student", draws: Sequence["Draw"], kind: "TaskKind", learners: Iterable[str]) -> "list[Outcome]":
    """Reads every text once for all who share a backbone, then lets each learn; so times are of learning alone."""
    from quickstudy import config
    from quickstudy import contestants as who
    from quickstudy.authors import author
    from quickstudy.evaluation.metatest import meta_test

    student = author(student) if isinstance(kind, config.WRITING) else student
    readers = who.readers(student)
    with progress("reading", len(draws)) as tell:
        for number, draw in enumerate(draws, start=1):
            batch = kind.encode((*draw.support, *draw.query), draw.classes)
            for reader in readers:
                reader.read_ahead(batch.text)
                if batch.names is not None:
                    reader.read_ahead(batch.names)
            tell(number)
    found = who.contestants(student, tuple(learners))
    with progress("learning", len(draws) * len(found)) as tell:
        return meta_test(found, draws, kind, lambda done, total, text: tell(done))


def _facts(student: "Student", met: dict[str, str]) -> dict[str, str]:
    told = {"met before": ", ".join(f"{name} ({said})" for name, said in met.items())} if met else {}
    return told | {
        "backbone": student.loaded.name,
        "student": student.origin,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "times": "texts had been read before; learning and judging on kept features",
    }


def _called(outcomes: "Sequence[Outcome]") -> dict[str, str]:
    """The baselines that took part, and what a sentence calls each; the usual ones in their usual order."""
    from quickstudy import contestants as who

    present = {one.contestant for one in outcomes} - {who.REFERENCE}
    return {name: who.WITHOUT.get(name, name) for name in (*who.WITHOUT, *sorted(present)) if name in present}


def _numbers(written: str) -> list[int]:
    from quickstudy.core.types import QuickstudyError

    parts = [part.strip() for part in written.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        raise QuickstudyError(f"--shots {written}: write whole numbers with commas between them, such as 0,1,4,16")
    return sorted({int(part) for part in parts})


def _names(written: str | None) -> list[str] | None:
    """At commas, but not at those inside lora(8, 2)."""
    if written is None:
        return None
    names, depth = [""], 0
    for letter in written:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    return [name.strip() for name in names if name.strip()]
