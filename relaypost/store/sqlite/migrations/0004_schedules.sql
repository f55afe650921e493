-- What changes about a schedule. Ticks are instants of the system's own clock.
CREATE TABLE schedules (
    number INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL, -- the version that is in force
    cron TEXT NOT NULL,
    is_paused INTEGER NOT NULL DEFAULT 0,
    next_tick_at INTEGER, -- NULL while it is paused
    ticked_until INTEGER NOT NULL,
    last_run_at INTEGER,
    last_messages BLOB, -- of the newest run: ids, and the states of those that are pruned
    error TEXT
) STRICT;

CREATE UNIQUE INDEX schedules_id ON schedules (project_id, id);
CREATE INDEX schedules_ticks ON schedules (next_tick_at) WHERE next_tick_at IS NOT NULL;

-- What its runs make messages of; apart, so that a run does not write it again.
CREATE TABLE schedule_templates (
    number INTEGER PRIMARY KEY REFERENCES schedules (number) ON DELETE CASCADE,
    delay_ms INTEGER,
    timeout_ms INTEGER,
    envelope BLOB NOT NULL,
    lookup BLOB
) STRICT;
