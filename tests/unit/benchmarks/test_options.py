"""The command line, and what of it a report may show."""

import pytest

from benchmarks.options import FULL, QUICK, parse_options, show_command

SCENARIOS = ("floor", "publish")


def test_a_full_run_has_three_rounds_and_a_quick_one_has_one() -> None:
    assert parse_options([], scenarios=SCENARIOS).rounds == 3
    assert parse_options([], scenarios=SCENARIOS).plan == FULL
    assert parse_options(["--quick"], scenarios=SCENARIOS).rounds == 1
    assert parse_options(["--quick"], scenarios=SCENARIOS).plan == QUICK


def test_sizes_can_be_set() -> None:
    arguments = ["--quick", "--backlog", "0,50", "--body-bytes", "300", "--only", "floor"]

    options = parse_options(arguments, scenarios=SCENARIOS)

    assert options.plan.backlogs == (0, 50)
    assert options.plan.body_bytes == 300
    assert options.only == ("floor",)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--server-dir", "a", "--server-dir", "b", "--server-dir", "c"],
        ["--server-dir", "a", "--server-dir", "b", "--compare", "c"],
        ["--only", "nothing"],
        ["--server-env", "X"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(arguments, scenarios=SCENARIOS)


def test_the_shown_command_holds_no_paths_and_no_values_of_the_environment() -> None:
    arguments = ["--compare", "/home/me/tree", "--server-env=A=/etc/x", "--server-env", "B=secret"]

    shown = show_command([*arguments, "--python", "~/bin/python3.13", "--rounds=5", "--quick"])

    assert shown == (
        "python -m benchmarks --compare tree --server-env=A=... --server-env B=... "
        "--python python3.13 --rounds=5 --quick"
    )


def test_a_revision_is_shown_whole() -> None:
    assert show_command(["--compare", "origin/main"]).endswith("--compare origin/main")
