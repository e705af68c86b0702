"""The report on simulated outcomes: its content, and that HTML, Markdown and JSON are safe and agree."""

import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from quickstudy.core.types import QuickstudyError
from quickstudy.evaluation import metrics
from quickstudy.evaluation.files import to_json, write_report
from quickstudy.evaluation.markdown import to_markdown
from quickstudy.evaluation.metatest import Outcome
from quickstudy.evaluation.page import to_html
from quickstudy.evaluation.report import About
from quickstudy.evaluation.sections import sections
from quickstudy.evaluation.summary import summarise
from quickstudy.evaluation.tables import Table

HOSTILE = (
    "<script>alert(1)</script>",
    "丢卡 · 卡片",
    "עברית فاتورة",
    "$5 & $10",
    "a|b `c` *d*",
    "x\u202ey\x00z",
    "]]>\ud800",
)
ABOUT = About("Meta-test", (0, 1), {"Backbone": "toy"}, resamples=200)


def outcome(contestant, source, shots, episode, classes, strength, texts=40):
    """Answers that are right with probability `strength`; the same texts for every contestant."""
    episode_rng = np.random.default_rng([shots, episode, *source.encode("utf-8", "replace")])
    gold = episode_rng.integers(len(classes), size=texts)
    luck, sure = episode_rng.random(texts), episode_rng.uniform(0.3, 1, texts).round(4)
    said = np.where(luck < strength, gold, (gold + 1) % len(classes))
    right, given = ([(classes[k],) for k in side] for side in (gold, said))
    return Outcome(
        contestant,
        f"{source}-{shots}-{episode}",
        source,
        shots,
        classes,
        metrics.overall(right, given, classes) | {"brier": 0.25},
        0.1,
        0.2,
        tuple((int(k),) for k in gold),
        tuple((int(k),) for k in said),
        tuple(map(int, said)),
        tuple(map(float, sure)),
    )


def meta_tested(classes=HOSTILE, sources=("bank", "news"), shots=(0, 4), episodes=3):
    return [
        outcome(name, source, k, episode, classes, strength + k / 50 - 0.1 * place)
        for name, strength in (("ours", 0.8), ("theirs", 0.6))
        for place, source in enumerate(sources)
        for k in shots
        for episode in range(episodes)
    ]


@pytest.fixture(scope="module")
def report():
    failed = Outcome("theirs", "bank-4-9", "bank", 4, HOSTILE, failure="It <b>broke</b>; try again.")
    return summarise([*meta_tested(), failed], "ours", ABOUT)


@pytest.fixture(scope="module")
def page(report):
    return to_html(report)


class Parsed(HTMLParser):
    """Every tag and attribute, and whether tags close in order."""

    VOID = ("meta", "path", "use", "rect", "circle", "br", "link", "image")

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_means_are_means_over_tasks_and_intervals_are_both_there(report):
    cells = {(cell.contestant, cell.shots): cell for cell in report.cells}
    by_source = {(cell.source, cell.contestant, cell.shots): cell for cell in report.source_cells}
    assert cells.keys() == {("ours", 0), ("ours", 4), ("theirs", 0), ("theirs", 4)}
    ours = cells["ours", 4]
    both = [by_source[source, "ours", 4].over_episodes.mean for source in ("bank", "news")]
    assert ours.over_tasks.mean == ours.over_episodes.mean == pytest.approx(np.mean(both))
    assert ours.over_tasks.low <= ours.over_tasks.mean <= ours.over_tasks.high
    assert by_source["bank", "ours", 4].over_tasks.low is None
    assert cells["theirs", 4].failures == 1 and ours.failures == 0


def test_comparisons_are_paired_and_corrected(report):
    assert [(one.contestant, one.shots) for one in report.versus] == [("theirs", 0), ("theirs", 4)]
    for one in report.versus:
        assert one.comparison.over_tasks.mean < 0
        assert one.comparison.over_tasks.episodes == 6
        assert one.p_episodes >= one.comparison.p_episodes


def test_the_focus_is_where_the_reference_is_worst_or_what_was_asked_for(report):
    assert report.focus.source == "news" and report.focus.shots == 4
    assert sum(count for _, _, count in report.focus.confusions) == report.focus.answers == 120
    asked = summarise(meta_tested(), "ours", About(focus="bank", resamples=50))
    assert asked.focus.source == "bank"
    with pytest.raises(QuickstudyError, match="No task 'nowhere'"):
        summarise(meta_tested(), "ours", About(focus="nowhere", resamples=50))


@pytest.mark.parametrize(
    ("outcomes", "reference", "reason"),
    [
        ([], "ours", "no outcomes"),
        (meta_tested(), "nobody", "ours, theirs"),
        (meta_tested() + meta_tested(), "ours", "two outcomes"),
        ([Outcome("ours", "d", "s", 1, (), failure="It broke.")], "ours", "It broke"),
        ([Outcome("ours", "d", "s", 1, (), {"rouge": 0.1})], "ours", "there are rouge"),
    ],
)
def test_what_cannot_be_reported_is_refused(outcomes, reference, reason):
    with pytest.raises(QuickstudyError, match=reason):
        summarise(outcomes, reference)


def test_the_page_is_whole_and_loads_nothing(page):
    parsed = Parsed(page)
    assert parsed.open == []
    assert parsed.tags.count("svg") == 4
    assert not {"script", "link", "img", "image", "iframe", "object"} & set(parsed.tags)
    for name, value in parsed.attributes:
        assert not name.startswith("on")
        if name in ("href", "xlink:href", "src", "srcset", "action"):
            assert value.startswith("#")
        assert "url(" not in (value or "") or "url(#" in value
    assert "@import" not in page and "default-src 'none'" in page


def test_hostile_labels_are_shown_and_do_nothing(page):
    text = Parsed(page).text
    for label in HOSTILE[:5]:
        assert label in text
    assert "x\ufffdy\ufffdz" in text
    assert not any(character in page for character in "\x00\u202e\ud800")
    assert "It <b>broke</b>; try again." in text


def test_text_in_plots_stays_text_and_follows_the_pages_colours(page):
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "丢卡 · 卡片</text>" in drawn
    assert "$5 &amp; $10</text>" in drawn
    assert "var(--series-1)" in drawn and "currentColor" in drawn
    assert not re.search(r"#0102|#0a0b", drawn)
    identifiers = re.findall(r' id="([^"]*)"', drawn)
    assert len(identifiers) == len(set(identifiers))
    used = set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', drawn))
    assert {a or b for a, b in used} <= set(identifiers)


def test_every_figure_says_what_it_stands_on(page):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    plots = re.findall(r"</svg>\s*</div><figcaption>(.*?)</figcaption>", page, re.DOTALL)
    assert len(plots) == 4 and len(captions) > 8
    for caption in plots:
        assert "interval" in caption and "episodes" in caption
    assert "12 episodes of 2 tasks with 7 classes, sampled with seeds 0 and 1." not in captions[0]
    assert "13 episodes of 2 tasks with 7 classes, sampled with seeds 0 and 1." in captions[0]


def test_markdown_has_the_very_cells_of_the_page(report, page):
    text = Parsed(page).text
    markdown = to_markdown(report)
    for section in sections(report):
        for block in section.blocks:
            if isinstance(block, Table):
                for cell in (cell for row in block.rows for cell in row):
                    assert (
                        cell.split(" (")[0]
                        .replace("\u202e", "\ufffd")
                        .replace("\x00", "\ufffd")
                        .replace("\ud800", "\ufffd")
                        in text
                    )
                width = len(block.header)
                assert all(len(row) == width for row in block.rows)
    assert "<script" not in markdown and "&lt;script&gt;" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(re.fullmatch(r"\|(?:[^|\\]|\\.)*(?:\|(?:[^|\\]|\\.)*)*\|", row) for row in rows)
    assert r"a\|b \`c\` \*d\*" in markdown


def test_json_has_the_numbers_and_is_strict(report):
    def refuse(name):
        raise AssertionError(name)

    found = json.loads(to_json(report), parse_constant=refuse)
    assert found["format"] == "quickstudy.report.v1"
    assert found["cells"][0]["over_tasks"]["mean"] == report.cells[0].over_tasks.mean
    assert found["versus"][0]["comparison"]["p_tasks"] == report.versus[0].comparison.p_tasks
    assert found["focus"]["scores"][0].keys() == {"label", "precision", "recall", "f1", "texts"}


def test_three_files_are_written(report, tmp_path):
    paths = write_report(report, tmp_path / "meta.test")
    assert [path.name for path in paths] == ["meta.test.html", "meta.test.md", "meta.test.json"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert json.loads(paths[2].read_text(encoding="utf-8"))["focus"]["scores"][6]["label"] == "]]>\ud800"
    with pytest.raises(QuickstudyError, match="nowhere"):
        write_report(report, tmp_path / "nowhere" / "report")


def test_the_same_outcomes_give_the_same_bytes(report, page):
    assert to_html(report) == page


def test_without_matplotlib_the_page_has_tables_and_says_what_to_install(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    page = to_html(report)
    assert "<svg" not in page and "<table>" in page
    assert "pip install &#x27;quickstudy[report]&#x27;" in page


def test_one_task_is_reported_over_episodes_only():
    report = summarise(meta_tested(sources=("bank",)), "ours", ABOUT)
    assert report.versus[0].p_tasks is None
    assert "over episodes" in sections(report)[0].blocks[0]
    assert "–" in to_markdown(report)


def test_a_single_episode_prints_no_digit_it_cannot_know():
    report = summarise(meta_tested(sources=("bank",), shots=(4,), episodes=1), "ours", ABOUT)
    main = next(block for block in sections(report)[0].blocks if isinstance(block, Table))
    assert all(re.fullmatch(r"\d+", row[1]) for row in main.rows)
    assert to_html(report).count("<svg") == 4


def test_more_classes_than_can_be_read_become_pairs():
    many = tuple(f"class {k}" for k in range(90))
    outcomes = [outcome("ours", "big", 5, k, many, 0.5, texts=400) for k in range(2)]
    report = summarise(outcomes, "ours", ABOUT)
    page = to_html(report)
    assert page.count("<svg") == 3
    assert "90 classes are too many for a matrix" in page
    assert report.versus == ()


def test_several_labels_have_class_scores_but_no_confusions():
    one = Outcome(
        "ours", "d", "s", 1, ("a", "b"), {"accuracy": 0.5}, 0, 0, ((0, 1), ()), ((0,), ()), (0, 1), (0.9, 0.4)
    )
    report = summarise([one], "ours", ABOUT)
    assert report.focus.confusions == () and len(report.focus.scores) == 2
    assert to_html(report).count("<svg") == 3


def test_a_kind_without_predictions_is_reported_by_its_measure():
    outcomes = [Outcome(name, f"d{k}", "s", 1, (), {"span_f1": 0.5 + k / 9}) for name in "xy" for k in range(3)]
    report = summarise(outcomes, "x", About(measure="span_f1", resamples=50))
    assert report.focus is None and report.calibration == ()
    assert "Span f1" in to_html(report)
