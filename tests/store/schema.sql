CREATE TABLE daily_messages (
    project_id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    message_id INTEGER NOT NULL UNIQUE,
    response_status INTEGER NOT NULL,
    response_headers BLOB NOT NULL,
    response_body BLOB NOT NULL,
    PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deduplications (
    project_id INTEGER NOT NULL,
    key BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    published BLOB NOT NULL,
    PRIMARY KEY (project_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE "envelopes" (
    id INTEGER PRIMARY KEY,
    not_before INTEGER NOT NULL,
    url TEXT NOT NULL,
    caller_ip TEXT,
    labels TEXT,
    topic_name TEXT,
    schedule_id TEXT,
    queue_name TEXT,
    flow_control_key TEXT,
    rest BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE flow_control_keys (
    project_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    gate INTEGER NOT NULL UNIQUE,
    parallelism INTEGER,
    rate INTEGER,
    period_s INTEGER NOT NULL,
    is_parallelism_pinned INTEGER NOT NULL,
    is_rate_pinned INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    window_started_at INTEGER NOT NULL,
    window_count INTEGER NOT NULL,
    used_at INTEGER NOT NULL, -- the last acceptance or attempt, exact to some minutes
    PRIMARY KEY (project_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: it fences attempts of a lost lease
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE log_entries (
    project_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    next_delivery_at INTEGER,
    error TEXT,
    response_status INTEGER,
    response_headers BLOB,
    response_body BLOB,
    PRIMARY KEY (project_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    retried INTEGER NOT NULL DEFAULT 0,
    host_gate INTEGER NOT NULL,
    parked_at INTEGER,
    lease_id INTEGER,
    claimed_on_arrival INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    ended INTEGER,
    response_status INTEGER,
    dead_letter_id INTEGER, key_gate INTEGER, queue_id INTEGER, place_id INTEGER,
    PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE project_limits (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE "projects" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: what is under way for a removed one meets no other
    name TEXT NOT NULL,
    current_key TEXT NOT NULL,
    next_key TEXT NOT NULL,
    keys_rotated_at INTEGER,
    created_at INTEGER,
    is_removed INTEGER NOT NULL DEFAULT 0 -- what it owned is still being forgotten
) STRICT;

CREATE TABLE queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: messages of a deleted queue take no place in a new one
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    parallelism INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0 -- its waiting messages are still being canceled
) STRICT;

CREATE TABLE schedule_templates (
    number INTEGER PRIMARY KEY REFERENCES schedules (number) ON DELETE CASCADE,
    delay_ms INTEGER,
    timeout_ms INTEGER,
    envelope BLOB NOT NULL,
    lookup BLOB
) STRICT;

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

CREATE TABLE "tokens" (
    digest BLOB PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES "projects" (id),
    kind INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    hosts TEXT NOT NULL, -- that it is bound to, with blanks between them
    url_groups TEXT NOT NULL,
    is_given INTEGER NOT NULL,
    created_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE url_groups (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    endpoints BLOB NOT NULL,
    headers BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT;

CREATE INDEX deduplications_expiry ON deduplications (expires_at);

CREATE INDEX flow_control_keys_used ON flow_control_keys (used_at);

CREATE INDEX log_entries_message ON log_entries (message_id, sequence);

CREATE INDEX messages_active ON messages (lease_id, id) WHERE state = 1;

CREATE INDEX messages_due ON messages (due_at, id) WHERE state = 0 AND parked_at IS NULL;

CREATE INDEX messages_ended ON messages (project_id, ended) WHERE ended IS NOT NULL;

CREATE INDEX messages_keyed ON messages (key_gate, state, due_at, queue_id, place_id)
    WHERE key_gate IS NOT NULL AND state <= 1;

CREATE INDEX messages_parked ON messages (parked_at, due_at, id) WHERE parked_at IS NOT NULL;

CREATE INDEX messages_queued ON messages (queue_id, place_id, state)
    WHERE queue_id IS NOT NULL AND state <= 1;

CREATE UNIQUE INDEX projects_name ON projects (name) WHERE is_removed = 0;

CREATE UNIQUE INDEX queues_name ON queues (project_id, name) WHERE is_deleted = 0;

CREATE UNIQUE INDEX schedules_id ON schedules (project_id, id);

CREATE INDEX schedules_ticks ON schedules (next_tick_at) WHERE next_tick_at IS NOT NULL;

CREATE INDEX tokens_project ON tokens (project_id);

