"""The command `quickstudy`: the same words as in Python, for files and pipes.

Everything meant for a program goes to standard output, everything meant for a person to standard error.
torch takes seconds to import, so that each command imports what it needs inside its body: --help and
completion never wait for it.
"""

from typing import Annotated

import typer

from quickstudy import __version__
from quickstudy.cli import (
    adding,
    corpus,
    demo,
    evaluating,
    inspecting,
    learning,
    models,
    predicting,
    pretraining,
    suggesting,
    training,
)
from quickstudy.cli.guard import Guarded, guarded

HELP = """Learns a new text task from a handful of examples, in about a second of one CPU.

[bold]Try it[/bold]

  quickstudy learn examples.csv -o cards.qs

  quickstudy predict cards.qs < lines.txt

  quickstudy inspect cards.qs

[bold]Exit codes[/bold]

  0 done · 1 something in the input or on the machine is in the way: one sentence on standard error says what,
where and what to do · 2 the command was not understood · 70 a fault of quickstudy's own · 130 Ctrl-C · 141 the
reader of the output went away

[bold]Environment[/bold]

  QUICKSTUDY_HOME: where fetched models are kept · QUICKSTUDY_DATA: where recipes find data sets ·
QUICKSTUDY_DEBUG=1: tracebacks"""

app = typer.Typer(
    name="quickstudy",
    cls=Guarded,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"quickstudy {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]


@app.callback()
def root(context: typer.Context, version: Version = False, debug: Debug = False) -> None:
    context.obj = debug


app.command("learn", no_args_is_help=True)(learning.learn)
app.command("predict", no_args_is_help=True)(predicting.predict)
app.command("suggest", no_args_is_help=True)(suggesting.suggest)
app.command("add", no_args_is_help=True)(adding.add)
app.command("inspect", no_args_is_help=True)(inspecting.inspect)
app.command("evaluate", no_args_is_help=True)(evaluating.evaluate)
app.command("meta-train", no_args_is_help=True)(training.meta_train)
app.command("pretrain", no_args_is_help=True)(pretraining.pretrain)
app.add_typer(models.app, name="models")
app.add_typer(corpus.app, name="corpus")
app.command("demo")(demo.demo)


def main() -> None:
    """The console script; ends the process with one of the exit codes above."""
    guarded(app)
