"""Query plans: what runs all the time finds its rows by index, and sorts nothing."""

import re

import pytest

from relaypost.store.sqlite import connection as opening
from relaypost.store.sqlite import (
    daily_counts,
    flow_control_keys,
    gates,
    leases,
    lines,
    messages,
    projects,
    queues,
    releases,
    removals,
    schedule_rows,
    schedule_runs,
    schedules,
    settlements,
    starts,
    upkeep,
    url_groups,
)
from relaypost.store.sqlite.connection import open_writer, select


def plan(query: str) -> list[str]:
    connection = open_writer(None)
    values = dict.fromkeys(re.findall(r":(\w+)", query), 1) or (1,) * query.count("?")
    rows = select(connection, f"EXPLAIN QUERY PLAN {query}", values)
    return [detail for *_, detail in rows]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (releases.DUE, "messages USING INDEX messages_due (due_at<?)"),
        (releases.IS_DUE, "messages USING INDEX messages_due (due_at<?)"),
        (lines.PARKED, "messages USING INDEX messages_parked (parked_at=?)"),
        (lines.HEAD, "messages USING COVERING INDEX messages_parked (parked_at=?)"),
        (
            releases.PARKED_DUE,
            "messages USING INDEX messages_parked (parked_at=? AND due_at<?)",
        ),
        (releases.HEAD_DUE, "messages USING COVERING INDEX messages_parked (parked_at=?)"),
        (starts.PARK, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (starts.ACTIVATE, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (starts.ENVELOPE, "e USING INTEGER PRIMARY KEY (rowid=?)"),
        (messages.ENDED, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (messages.FIND_DUPLICATE, "deduplications USING PRIMARY KEY (project_id=? AND key=?)"),
        (
            queues.PLACES,
            "messages USING COVERING INDEX messages_queued (queue_id=? AND place_id>?)",
        ),
        (queues.LAG, "messages USING COVERING INDEX messages_queued (queue_id=?)"),
        (queues.LIVE, "messages USING INDEX messages_queued (queue_id=?)"),
        (schedule_runs.DUE, "schedules USING COVERING INDEX schedules_ticks (next_tick_at<?)"),
        (
            schedule_runs.NEXT_TICK,
            "schedules USING COVERING INDEX schedules_ticks (next_tick_at>?)",
        ),
        (schedule_runs.AHEAD, "schedules USING INTEGER PRIMARY KEY (rowid>?)"),
        (schedules.COUNT, "schedules USING COVERING INDEX schedules_id (project_id=?)"),
        (schedule_rows.LAST_MESSAGES, "schedules USING INDEX schedules_id (project_id=? AND id=?)"),
        (queues.GET, "queues USING INDEX queues_name (project_id=? AND name=?)"),
        (queues.LIST, "queues USING INDEX queues_name (project_id=?)"),
        (
            flow_control_keys.WAIT_LIST,
            "messages USING COVERING INDEX messages_keyed (key_gate=? AND state=? AND due_at<?)",
        ),
        (
            flow_control_keys.OPEN,
            "messages USING COVERING INDEX messages_keyed (key_gate=? AND state=?)",
        ),
        (
            flow_control_keys.IS_NEEDED,
            "messages USING COVERING INDEX messages_keyed (key_gate=? AND state<?)",
        ),
        (
            flow_control_keys.PARKED,
            "messages USING COVERING INDEX messages_parked (parked_at=?)",
        ),
        (
            flow_control_keys.UNUSED,
            "flow_control_keys USING INDEX flow_control_keys_used (used_at<?)",
        ),
        (flow_control_keys.GET, "flow_control_keys USING PRIMARY KEY (project_id=? AND key=?)"),
        (settlements.END, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (settlements.PUT_OFF, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (leases.RENEW, "leases USING INTEGER PRIMARY KEY (rowid=?)"),
        (leases.GIVE_BACK, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
        (leases.CANCEL, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
    ],
)
def test_one_search(query: str, index: str) -> None:
    assert plan(query) == [f"SEARCH {index}"]


def test_the_next_due_time_is_the_end_of_an_index() -> None:
    assert plan(messages.NEXT_DUE) == ["SEARCH messages USING INDEX messages_due"]


def test_a_message_is_found_with_its_envelope() -> None:
    assert plan(messages.GET) == [
        "SEARCH m USING PRIMARY KEY (project_id=? AND id=?)",
        "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def test_groups_are_found_by_name() -> None:
    assert plan(url_groups.GET) == [
        "SCAN asked VIRTUAL TABLE INDEX 1:",
        "SEARCH g USING INDEX sqlite_autoindex_url_groups_1 (project_id=? AND name=?)",
    ]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (schedules.GET, "INDEX schedules_id (project_id=? AND id=?)"),
        (schedule_runs.GET_BY_NUMBER, "INTEGER PRIMARY KEY (rowid=?)"),
        (schedules.LIST, "INDEX schedules_id (project_id=?)"),
    ],
)
def test_a_schedule_is_found_with_its_template(query: str, index: str) -> None:
    assert plan(query) == [
        f"SEARCH s USING {index}",
        "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)",
    ]


def test_pruning_finds_what_has_ended_with_its_envelope() -> None:
    assert plan(upkeep.ENDED) == [
        "SEARCH m USING INDEX messages_ended (project_id=? AND ended>? AND ended<?)",
        "SEARCH e USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ]


def test_a_rescue_looks_at_open_attempts_only() -> None:
    details = plan(leases.LOST)
    assert details[0] == "SCAN messages USING INDEX messages_active"
    assert not any("SCAN messages" in detail for detail in details[1:])


@pytest.mark.parametrize(
    "query", [gates.ACTIVE, flow_control_keys.OPEN_IN_PROJECT, flow_control_keys.OPEN_KEYLESS]
)
def test_a_start_and_a_count_look_at_open_attempts_only(query: str) -> None:
    (detail,) = plan(query)
    assert re.fullmatch(r"SCAN messages USING (COVERING )?INDEX messages_active", detail)


def test_a_start_goes_from_gate_to_gate() -> None:
    searches = [detail for detail in plan(gates.LISTS) if "messages" in detail]
    assert all("messages_parked" in detail for detail in searches)
    assert all(detail.startswith("SEARCH") for detail in searches)
    assert len(searches) == 2


def test_the_newest_number_is_the_end_of_indexes() -> None:
    assert not any("SCAN" in detail for detail in plan(opening.NEWEST) if "CONSTANT" not in detail)


def test_a_backlog_is_not_looked_at() -> None:
    """Beside ten thousand parked messages a claim takes as many steps as beside ten."""

    def steps(parked: int) -> int:
        connection = open_writer(None)
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) "
            "INSERT INTO messages (project_id, id, state, due_at, host_gate, parked_at) "
            "SELECT 1, i, 0, i, 5, 5 FROM n",
            (parked,),
        )
        counted = 0

        def count() -> bool:
            nonlocal counted
            counted += 1
            return False

        connection.set_progress_handler(count, 1)
        connection.execute(releases.DUE, (1 << 50, 100)).fetchall()
        connection.execute(messages.NEXT_DUE).fetchall()
        connection.execute(gates.LISTS).fetchall()
        connection.execute(lines.PARKED, (5, 1)).fetchall()
        return counted

    assert steps(10_000) == steps(10)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (daily_counts.MADE_SINCE, "messages USING PRIMARY KEY (project_id=? AND id>?)"),
        (projects.OWNER, "tokens USING PRIMARY KEY (digest=?)"),
        (projects.KNOWN, "tokens USING INDEX tokens_project (project_id=?)"),
        (removals.MESSAGES, "messages USING PRIMARY KEY (project_id=?)"),
        (removals.DEAD_LETTERS, "dead_letters USING PRIMARY KEY (project_id=?)"),
        (removals.FORGET_MESSAGE, "messages USING PRIMARY KEY (project_id=? AND id=?)"),
    ],
)
def test_what_concerns_one_project_looks_at_no_other(query: str, index: str) -> None:
    assert plan(query) == [f"SEARCH {index}"]


@pytest.mark.parametrize("table", ["log_entries", "deduplications", "flow_control_keys"])
def test_large_tables_are_forgotten_by_their_keys(table: str) -> None:
    """Messages go one by one; what is left of a project may still be as many rows."""
    column = removals.OTHERS[table]
    some = f"SELECT {column} FROM {table} WHERE project_id = ? LIMIT ?"
    details = plan(f"DELETE FROM {table} WHERE project_id = ? AND {column} IN ({some})")
    assert not any("SCAN" in detail for detail in details)
