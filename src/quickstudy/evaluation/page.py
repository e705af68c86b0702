"""The report as one HTML page that loads nothing: plots and style lie inside it, and no script runs."""

import html
from importlib import resources
from string import Template

from quickstudy.evaluation.plots import draw
from quickstudy.evaluation.report import Report
from quickstudy.evaluation.sections import Figure, facts, sections
from quickstudy.evaluation.tables import Table
from quickstudy.evaluation.wording import shown

NO_PLOTS = "The plots are missing because matplotlib is: pip install 'quickstudy[report]', then write the report again."


def to_html(report: Report) -> str:
    """The whole page. Without matplotlib it has tables only, and one line that says what to install."""
    parts: list[str] = []
    plots: dict[str, str] = {}
    try:
        plots = draw(report)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        parts.append(f"<p><strong>{html.escape(NO_PLOTS)}</strong></p>")
    parts.append(_facts(report))
    for section in sections(report):
        parts.append(f"<h2>{_text(section.heading)}</h2>")
        parts += [block(each, plots) for each in section.blocks]
    return whole(report.about.title, parts)


def whole(title: str, parts: list[str]) -> str:
    """The page around elements that are HTML already."""
    template = resources.files("quickstudy.evaluation").joinpath("template.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html.escape(shown(title)), heading=_text(title), body="\n".join(filter(None, parts))
    )


def _facts(report: Report) -> str:
    terms = "".join(f"<dt>{_text(term)}</dt><dd>{_text(value)}</dd>" for term, value in facts(report))
    return f"<dl>{terms}</dl>"


def block(given: str | Table | Figure, plots: dict[str, str]) -> str:
    """A sentence, a table or the plot of a figure as an element; "" for a figure that was not drawn."""
    if isinstance(given, str):
        return f"<p>{_text(given)}</p>"
    if isinstance(given, Table):
        return _table(given)
    if given.name not in plots:
        return ""
    label = html.escape(shown(given.caption), quote=True)
    drawn = plots[given.name].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return f'<figure><div class="wide">{drawn}</div><figcaption>{_text(given.caption)}</figcaption></figure>'


def _table(table: Table) -> str:
    head = "".join(_cell("th", text, k < table.names) for k, text in enumerate(table.header))
    rows = "\n".join(
        f"<tr>{''.join(_cell('td', text, k < table.names) for k, text in enumerate(row))}</tr>" for row in table.rows
    )
    return (
        f'<figure><figcaption>{_text(table.caption)}</figcaption><div class="wide"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div></figure>"
    )


def _cell(tag: str, text: str, name: bool) -> str:
    if name:
        return f'<{tag} class="name">{_text(text)}</{tag}>'
    mean, bracket, interval = text.partition(" (")
    below = f"<small>{_text(bracket.strip() + interval)}</small>" if bracket else ""
    return f"<{tag}>{_text(mean)} {below}</{tag}>"


def _text(text: str) -> str:
    """Escaped, and kept from turning round the text beside it where it is written from right to left."""
    return f"<bdi>{html.escape(shown(text))}</bdi>"
