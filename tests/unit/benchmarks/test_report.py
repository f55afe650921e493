"""The report: rounds become medians, two trees become ratios, failures stay visible."""

from benchmarks.report import Report, Section, Series, render
from benchmarks.stage import Row


def report(series: Series, *, labels: list[str], rounds: int = 1, failure: str = "") -> list[str]:
    section = Section(
        name="publish", title="Publish", note="How.", failure=failure, figures=series.figures
    )
    whole = Report(
        command="python -m benchmarks",
        date="2026-01-02",
        facts=["Machine: one"],
        labels=labels,
        rounds=rounds,
        sections=[section],
    )
    return render(whole).splitlines()


def test_one_tree_is_a_table_of_cases() -> None:
    series = Series()
    for rate in (100.0, 300.0, 200.0):
        series.add("relaypost", [Row("floor", {"per s": 900.0}), Row("one", {"per s": rate})])

    lines = report(series, labels=["relaypost"], rounds=3)

    assert "| floor | 900 |" in lines
    assert "| one | 200 [100..300] |" in lines


def test_a_figure_that_a_case_lacks_is_an_empty_cell() -> None:
    series = Series()
    series.add("relaypost", [Row("floor", {"a": 1.0}), Row("one", {"b": 2.0})])

    lines = report(series, labels=["relaypost"])

    assert "|  | a | b |" in lines
    assert "| floor | 1.00 |  |" in lines
    assert "| one |  | 2.00 |" in lines


def test_two_trees_are_compared_round_by_round() -> None:
    series = Series()
    for first, second in ((100.0, 200.0), (200.0, 200.0), (100.0, 150.0)):
        series.add("A", [Row("one", {"per s": first})])
        series.add("B", [Row("one", {"per s": second})])

    lines = report(series, labels=["A", "B"], rounds=3)

    assert "|  | figure | A | B | B / A |" in lines
    assert "| one | per s | 100 [100..200] | 200 [150..200] | 1.50 [1.00..2.00] |" in lines


def test_a_failure_stands_in_place_of_figures() -> None:
    lines = report(Series(), labels=["relaypost"], failure="10 accepted, but 9 arrived")

    assert "**Failed:** 10 accepted, but 9 arrived" in lines


def test_a_single_round_says_so() -> None:
    assert any(
        line.startswith("- One round") for line in report(Series(), labels=["A"], failure="x")
    )
