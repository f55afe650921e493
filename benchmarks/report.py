"""The report as data, and as Markdown. It holds no path of the machine that made it."""

import math

import msgspec

from benchmarks.figures import Spread, ratios, show, spread
from benchmarks.stage import Row

Figures = dict[str, dict[str, dict[str, list[float]]]]
"""Values of all rounds by label of the tree, case and name of the figure."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    note: str
    failure: str
    figures: Figures


class Report(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    date: str
    facts: list[str]
    labels: list[str]
    rounds: int
    sections: list[Section]


class Series:
    """Gathers rows of all rounds, in the order of the first."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    def add(self, label: str, rows: list[Row]) -> None:
        cases = self.figures.setdefault(label, {})
        for row in rows:
            names = cases.setdefault(row.case, {})
            for name, value in row.figures.items():
                names.setdefault(name, []).append(value)


def render(report: Report) -> str:
    lines = ["# Benchmark report", "", f"{report.date}, `{report.command}`", ""]
    lines += [f"- {fact}" for fact in report.facts]
    lines += [f"- {_explain_rounds(report.rounds)}"]
    for section in report.sections:
        lines += ["", f"## {section.title}", "", section.note, ""]
        lines += _body(section, report.labels)
    return "\n".join(lines) + "\n"


def _explain_rounds(rounds: int) -> str:
    if rounds == 1:
        return "One round: single values, which say little about differences below a third"
    return f"Medians of {rounds} rounds, with the lowest and highest in brackets"


def _body(section: Section, labels: list[str]) -> list[str]:
    if section.failure:
        return [f"**Failed:** {section.failure}"]
    if len(labels) == 2:
        first, second = labels
        return _comparison(section.figures[first], section.figures[second], labels)
    return _table(section.figures[labels[0]])


def _table(cases: dict[str, dict[str, list[float]]]) -> list[str]:
    names = list(dict.fromkeys(name for figures in cases.values() for name in figures))
    rows = [
        [case, *(_cell(figures[name]) if name in figures else "" for name in names)]
        for case, figures in cases.items()
    ]
    return _markdown(["", *names], rows)


def _comparison(
    first: dict[str, dict[str, list[float]]],
    second: dict[str, dict[str, list[float]]],
    labels: list[str],
) -> list[str]:
    """A line for each figure. The floor's own ratio shows how much is noise."""
    rows = []
    for case, figures in first.items():
        for name, values in figures.items():
            others = second[case][name]
            change = _show_spread(ratios(others, values))
            rows.append([case, name, _cell(values), _cell(others), change])
    return _markdown(["", "figure", *labels, f"{labels[1]} / {labels[0]}"], rows)


def _cell(values: list[float]) -> str:
    return _show_spread(spread(values))


def _show_spread(over_rounds: Spread) -> str:
    median = show(over_rounds.median)
    if not math.isfinite(over_rounds.median) or over_rounds.low == over_rounds.high:
        return median
    return f"{median} [{show(over_rounds.low)}..{show(over_rounds.high)}]"


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
