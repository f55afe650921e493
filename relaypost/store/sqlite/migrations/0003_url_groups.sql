-- A group is read and written as a whole.
CREATE TABLE url_groups (
    project_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    endpoints BLOB NOT NULL,
    headers BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, name)
) STRICT;
