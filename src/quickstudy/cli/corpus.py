"""`quickstudy corpus`: raw text to a corpus that pretext tasks are drawn from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.console import Json, emit, plain, say

if TYPE_CHECKING:
    from quickstudy.corpus.store import Corpus

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Compiles raw text for pretraining.")


@app.command("build", no_args_is_help=True)
def build(
    files: Annotated[list[str], typer.Argument(help="Text, JSONL, Parquet, CSV files, folders, patterns, hf:NAME.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write; it must not exist.")],
    tokenizer: Annotated[
        str, typer.Option(help="minilm, e5-small, own:PIECES (trained on the text), or a tokenizer.json.")
    ] = "own:8000",
    documents: Annotated[
        str, typer.Option(help="What is a document in plain text: file, paragraph, line, or auto.")
    ] = "auto",
    text: Annotated[str, typer.Option(help="Column with the text. [default: found]", show_default=False)] = "",
    title: Annotated[str, typer.Option(help="Column with the title. [default: one]", show_default=False)] = "",
    group: Annotated[
        str, typer.Option(help="Column with the domain, author or language. [default: the source]", show_default=False)
    ] = "",
    licence: Annotated[list[str] | None, typer.Option(help="Of all sources; or once a source, in order.")] = None,
    languages: Annotated[str, typer.Option(help="Keep only these: en,de. [default: all]", show_default=False)] = "",
    scrub: Annotated[
        str, typer.Option(help="Replace personal data: email,phone,card,iban,ip or all. [default: none]",
                          show_default=False)
    ] = "",
    without: Annotated[
        list[str] | None, typer.Option(help="A file of rows to be judged on: documents that hold one are dropped.")
    ] = None,
    held_out: Annotated[list[str] | None, typer.Option(help="A group that goes to the test part, wholly.")] = None,
    split_by: Annotated[str, typer.Option(help="documents, or groups: a group lies wholly in one part.")] = "documents",
    shortest: Annotated[int, typer.Option(help="Bytes (English letters); shorter documents are dropped.")] = 25,
    longest: Annotated[int, typer.Option(help="Characters; longer documents are cut.")] = 20_000,
    near: Annotated[float, typer.Option(help="Similarity from which a document is a copy of another.")] = 0.8,
    uses: Annotated[int, typer.Option(help="Uses of a word that are kept, at most.")] = 400,
    least_uses: Annotated[int, typer.Option(help="Uses of a word in its own part, at least.")] = 10,
    most_frequent: Annotated[float, typer.Option(help="Share of all words from which one is too common.")] = 0.002,
    ways: Annotated[int, typer.Option(help="Words that each part must have; 0: any number.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed and text give the same corpus.")] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes. [default: the processor's cores]", show_default=False)
    ] = 0,
    json: Json = False,
) -> None:  # fmt: skip
    """Cleans, takes copies out, splits into train, validation and test, and tokenises; goes on where it was stopped.

    [bold]Examples[/bold]

      quickstudy corpus build notes/*.txt -o notes.corpus

      quickstudy corpus build mails.jsonl -o mails.corpus --scrub all --languages en --without test.csv

      quickstudy corpus build hf:wikitext:wikitext-103-raw-v1:train -o wiki.corpus --tokenizer minilm
    """
    import os

    from quickstudy.cli.steps import steps
    from quickstudy.corpus.building import build as compiled
    from quickstudy.corpus.settings import PRIVATE, Settings

    settings = Settings(
        tokenizer=tokenizer, documents=documents, text=text, title=title, group=group, licence=tuple(licence or ()),
        languages=_listed(languages), shortest=shortest, longest=longest, near=near,
        scrub=PRIVATE if scrub == "all" else _listed(scrub), without=tuple(without or ()), split_by=split_by,
        held_out=tuple(held_out or ()), uses=uses, least_uses=least_uses, most_frequent=most_frequent, ways=ways,
        seed=seed,
    )  # fmt: skip
    with steps() as watch:
        corpus = compiled(files, output, settings, workers=workers or os.cpu_count() or 1, watch=watch)
    if json:
        emit(dict(corpus.manifest))
        return
    _tell(corpus)
    say(f"next: quickstudy corpus show {plain(str(output))}")


@app.command("show", no_args_is_help=True)
def show(
    folder: Annotated[Path, typer.Argument(help="A corpus.")],
    task: Annotated[
        str, typer.Option(help="Show an episode of this pretext task, such as subset_masking.", show_default=False)
    ] = "",
    seed: Annotated[int, typer.Option(help="Which episode.")] = 0,
    part: Annotated[str, typer.Option(help="Of train, validation or test.")] = "train",
    hardness: Annotated[float, typer.Option(help="From 0, easy, to 1.")] = 0.0,
    json: Json = False,
) -> None:
    """What a corpus holds, where it comes from, and what was done to it; or an episode of a pretext task out of it.

    [bold]Examples[/bold]

      quickstudy corpus show notes.corpus

      quickstudy corpus show notes.corpus --task subset_masking --seed 3
    """
    from quickstudy.corpus.store import Corpus

    corpus = Corpus.open(folder)
    if task:
        from quickstudy.cli import episodes

        episodes.show(corpus, task, part, seed, hardness, json)
        return
    if json:
        emit(dict(corpus.manifest))
        return
    _tell(corpus)


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _tell(corpus: "Corpus") -> None:
    """The report, on standard output."""
    from quickstudy.corpus.report import lines

    for line in lines(corpus):
        print(plain(line, 200) if not line.startswith("  ") else "  " + plain(line, 200))
