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

CREATE UNIQUE INDEX queues_name ON queues (project_id, name) WHERE is_deleted = 0;

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

CREATE INDEX flow_control_keys_used ON flow_control_keys (used_at);

ALTER TABLE messages ADD COLUMN key_gate INTEGER;
ALTER TABLE messages ADD COLUMN queue_id INTEGER;
-- The place of a queue in which it works: its own, by its id, or that of the message it reports on.
ALTER TABLE messages ADD COLUMN place_id INTEGER;

CREATE INDEX messages_queued ON messages (queue_id, place_id, state)
    WHERE queue_id IS NOT NULL AND state <= 1;
CREATE INDEX messages_keyed ON messages (key_gate, state, due_at, queue_id, place_id)
    WHERE key_gate IS NOT NULL AND state <= 1;

-- Made anew, so that what filters compare stands before the body, which may go on over many pages.
CREATE TABLE envelopes_with_gates (
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

INSERT INTO envelopes_with_gates
    (id, not_before, url, caller_ip, labels, topic_name, schedule_id, rest, body)
SELECT id, not_before, url, caller_ip, labels, topic_name, schedule_id, rest, body FROM envelopes;

DROP TABLE envelopes;

ALTER TABLE envelopes_with_gates RENAME TO envelopes;
