"""The report as Markdown: the tables of the page, without its plots."""

import re

from quickstudy.evaluation.report import Report
from quickstudy.evaluation.sections import facts, sections
from quickstudy.evaluation.tables import Table
from quickstudy.evaluation.wording import shown, width


def to_markdown(report: Report) -> str:
    """All sections; names that hold Markdown or HTML are escaped."""
    lines = [f"# {_text(report.about.title)}", ""]
    lines += [f"- {_text(term)}: {_text(value)}" for term, value in facts(report)]
    for section in sections(report):
        lines += ["", f"## {_text(section.heading)}"]
        for block in section.blocks:
            if isinstance(block, str):
                lines += ["", _text(block)]
            elif isinstance(block, Table):
                lines += ["", *_table(block)]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    """Columns are padded to one width, so that the file can be read as it is."""
    rows = [[_text(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(3, *(width(row[k]) for row in rows)) for k in range(len(table.header))]

    def line(row: list[str]) -> str:
        gaps = [" " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)]
        cells = [
            cell + gap if k < table.names else gap + cell for k, (cell, gap) in enumerate(zip(row, gaps, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * wide if k < table.names else "-" * (wide - 1) + ":" for k, wide in enumerate(widths)]
    return [_text(table.caption), "", line(rows[0]), f"| {' | '.join(rule)} |", *map(line, rows[1:])]


def _text(text: str) -> str:
    text = shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word means nothing to Markdown, and names like prior_head are full of them.
    return re.sub(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))", r"\\\1", text)
