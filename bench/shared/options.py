"""The command-line options that benchmarks share."""

import argparse
from pathlib import Path

from bench.shared.result import RESULTS


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with --write."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--write", nargs="?", const=RESULTS, type=Path, metavar="FOLDER",
        help="also write NAME.txt and NAME.json there (bench/results unless named)",
    )  # fmt: skip
    return parser


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FOLDER", help="where the data sets lie (or QUICKSTUDY_DATA)")
    parser.add_argument("--cores", type=int, default=2, help="processor cores to use (2)")
