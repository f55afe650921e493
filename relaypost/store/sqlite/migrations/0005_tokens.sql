-- Made anew, so that no id is used again, and a name can be while its project is being forgotten.
CREATE TABLE new_projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: what is under way for a removed one meets no other
    name TEXT NOT NULL,
    current_key TEXT NOT NULL,
    next_key TEXT NOT NULL,
    keys_rotated_at INTEGER,
    created_at INTEGER,
    is_removed INTEGER NOT NULL DEFAULT 0 -- what it owned is still being forgotten
) STRICT;

CREATE TABLE new_tokens (
    digest BLOB PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES new_projects (id),
    kind INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    hosts TEXT NOT NULL, -- that it is bound to, with blanks between them
    url_groups TEXT NOT NULL,
    is_given INTEGER NOT NULL,
    created_at INTEGER
) STRICT, WITHOUT ROWID;

INSERT INTO new_projects (id, name, current_key, next_key, keys_rotated_at)
SELECT id, name, current_key, next_key, keys_rotated_at FROM projects;

INSERT INTO new_tokens (digest, project_id, kind, slot, hosts, url_groups, is_given)
SELECT digest, project_id, kind, 0, '', '', 0 FROM tokens;

DROP TABLE tokens;
DROP TABLE projects;
ALTER TABLE new_projects RENAME TO projects;
ALTER TABLE new_tokens RENAME TO tokens;

CREATE UNIQUE INDEX projects_name ON projects (name) WHERE is_removed = 0;
CREATE INDEX tokens_project ON tokens (project_id);

CREATE TABLE project_limits (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;

-- Messages since midnight, of projects whose number was asked for on that day.
CREATE TABLE daily_messages (
    project_id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;
