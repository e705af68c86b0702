"""Plots that live inside a page: text stays text, colours follow the page's light or dark scheme.

A plot is drawn with stand-in colours that nobody sees; in the finished SVG they are replaced by the page's
CSS variables, whose values template.html gives. The hues are those of Okabe & Ito 2008, which colour-blind
readers tell apart, made darker on white and lighter on black until each has a contrast of at least 3.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quickstudy.evaluation.wording import width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT = "#010203", "#010204"
SERIES = tuple(f"#0a0b0{k}" for k in range(1, 8))
MARKERS = "osD^vPX"
LINES = ("-", "--", ":", "-.")
SIZE = 9
"""points of ordinary text"""

_VARIABLES = {INK: "currentColor", FAINT: "var(--faint)"} | {
    stand_in: f"var(--series-{k})" for k, stand_in in enumerate(SERIES, 1)
}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": SIZE,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def theme(name: str) -> Iterator[None]:
    """Inside, figures are drawn for a page; `name` keeps the ids of one plot apart from those of the
    others."""
    from matplotlib import rc_context

    with rc_context(_STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # The page's browser draws the text, with fonts of its own; that matplotlib's has no Chinese is no
        # matter.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively", UserWarning)
        yield


def svg(figure: "Figure") -> str:
    """The figure as an <svg> element for a page, without ids that could occur twice there."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    return re.sub(r'style="[^"]*"', _recoloured, drawn)


def inches(text: str, size: float = SIZE) -> float:
    """About how wide the text is drawn."""
    return width(text) * 0.57 * size / 72


def _recoloured(style: re.Match[str]) -> str:
    return re.sub(r"#01020[34]|#0a0b0[1-7]", lambda found: _VARIABLES[found.group()], style.group())
