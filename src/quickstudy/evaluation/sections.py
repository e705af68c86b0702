"""The report in the order it is read: sections of sentences, tables and figures, for HTML and Markdown."""

from typing import NamedTuple

from quickstudy.evaluation import focus_tables, tables, worth_words
from quickstudy.evaluation.report import Report
from quickstudy.evaluation.tables import Table, interval_of, sampled
from quickstudy.evaluation.wording import UNKNOWN, bounds, count, percent, shown
from quickstudy.evaluation.worth import Worth

MOST_CLASSES = 77
"""in a confusion matrix that can still be read"""
MOST_TASKS = 24
"""in the plot of tasks"""


class Figure(NamedTuple):
    """The place of a plot, by the name that `plots.draw` gives it."""

    name: str
    caption: str


class Section(NamedTuple):
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[str | Table | Figure, ...]


def sections(report: Report) -> tuple[Section, ...]:
    """All sections that have something to say."""
    found = [
        Section("Result", (_headline(report), Figure("shots", _shots_caption(report)), tables.main_table(report))),
        Section("By task", (Figure("tasks", _tasks_caption(report)), *_source_tables(report))),
    ]
    if report.worth:
        found.insert(0, _worth(report.worth))
    if report.versus:
        found.append(Section(f"Against {report.reference}", (tables.versus_table(report),)))
    if report.calibration:
        found.append(
            Section(
                "Calibration",
                (Figure("reliability", _reliability_caption(report)), tables.calibration_table(report)),
            )
        )
    found += _focus(report)
    found.append(Section("All numbers", (tables.detail_table(report), tables.other_table(report))))
    if report.failures:
        found.append(Section("Failures", (tables.failure_table(report),)))
    found.append(Section("How to read this", _notes(report)))
    return tuple(found)


def facts(report: Report) -> tuple[tuple[str, str], ...]:
    """What was tested, as terms and their descriptions."""
    about = report.about
    return (
        ("Tasks", ", ".join(report.sources)),
        ("Contestants", ", ".join(report.contestants)),
        ("Reference", report.reference),
        ("Episodes", sampled(report)),
        ("Shots", ", ".join(map(str, report.shots))),
        *about.facts.items(),
    )


def _worth(worth: Worth) -> Section:
    caption = (
        f"Learning curves of {worth.student} and of what one would use without meta-learning; an arrow leads to where "
        f"{worth.called[worth_words.main_baseline(worth)]} is as good. Means over the tasks, without intervals."
    )
    blocks = (worth_words.sentence(worth), Figure("worth", caption), worth_words.overall_table(worth))
    return Section(worth_words.HEADING, (*blocks, worth_words.gain_table(worth)))


def _headline(report: Report) -> str:
    """The reference at the most shots, and the best of all."""
    shots = max(cell.shots for cell in report.cells)
    last = [cell for cell in report.cells if cell.shots == shots]
    ours = next((cell for cell in last if cell.contestant == report.reference), None)
    best = max(last, key=lambda cell: cell.over_tasks.mean)
    text = ""
    if ours:
        interval = tables.trusted(report, ours)
        text = (
            f"With {count(shots, 'example')} a class, {report.reference} reaches {percent(interval)} % "
            f"{report.about.measure.replace('_', ' ')}"
        )
        if bounds(interval) != UNKNOWN:
            text += f" (95 % interval {interval_of(report)}: {bounds(interval)})"
        text += ". "
    if not ours or best.contestant != report.reference:
        text += f"The highest mean is that of {best.contestant}, {percent(tables.trusted(report, best))} %. "
    if report.failures:
        text += f"{count(len(report.failures), 'attempt')} failed; see the list of failures. "
    return text + sampled(report)


def _shots_caption(report: Report) -> str:
    return (
        f"{tables.measure(report)} over the number of examples a class; the band (the reference) and the "
        f"whiskers are 95 % intervals {interval_of(report)}. {sampled(report)}"
    )


def _tasks_caption(report: Report) -> str:
    rest = f" The first {MOST_TASKS} tasks are shown." if len(report.sources) > MOST_TASKS else ""
    return (
        f"{tables.measure(report)} on each task at {count(max(report.shots), 'shot')}; whiskers are 95 % "
        f"intervals over the task's episodes.{rest} {sampled(report)}"
    )


def _reliability_caption(report: Report) -> str:
    return (
        f"Reliability at {count(max(report.shots), 'shot')}: accuracy of the answers in each bin of "
        "confidence; on the dotted line they agree, below it the learner is too sure. A larger point holds "
        "more answers; whiskers are 95 % Wilson intervals over the answers of the bin. All tasks pooled. "
        f"{sampled(report)}"
    )


def _source_tables(report: Report) -> tuple[Table, ...]:
    return tuple(tables.source_table(report, shots) for shots in report.shots)


def _focus(report: Report) -> list[Section]:
    focus = report.focus
    if focus is None:
        return []
    blocks: list[str | Table | Figure] = []
    if focus.confusions:
        labels = {label for pair in focus.confusions for label in pair[:2]}
        if len(labels) <= MOST_CLASSES:
            caption = (
                f"Confusion matrix of {shown(focus.source)}: rows are gold, columns the answers, the shade "
                f"is the share of the row; blue is right, orange wrong. {focus_tables.focused(focus)} No "
                "intervals."
            )
            blocks.append(Figure("confusion", caption))
        else:
            blocks.append(f"{len(labels)} classes are too many for a matrix; these are the pairs most confused.")
        if any(right != given for right, given, _ in focus.confusions):
            blocks.append(focus_tables.pair_table(focus))
    blocks.append(focus_tables.class_table(focus))
    return [Section(f"Confusions: {focus.source}", tuple(blocks))]


def _notes(report: Report) -> tuple[str, ...]:
    about = report.about
    least = 2.0 ** (1 - len(report.sources))
    return (
        "Every contestant learned the same episodes: the same support, the same query texts, the same "
        "classes. A mean over several tasks is the mean of the tasks' means.",
        "The interval over episodes says how the mean would move with other draws of examples for these "
        "very tasks (Student's t, each task a stratum). The interval over tasks says how it would move with "
        f"other tasks of this sort (bootstrap of tasks, then of episodes within each; {about.resamples:,} "
        f"resamples, seed {about.bootstrap_seed}; widened for few tasks). It is the wider one, and the one "
        "to trust for a new task.",
        "p (episodes) asks whether other draws of examples could have turned the difference round, p "
        f"(tasks) whether other tasks could. With {count(len(report.sources), 'task')} the latter cannot "
        f"fall below {min(1.0, least):.2g} before correction, however large the difference.",
        f"{UNKNOWN} stands where the data do not suffice: an interval over tasks needs two tasks, one over "
        "episodes two episodes of each task.",
    )
