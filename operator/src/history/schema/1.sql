-- Times are milliseconds since 1970-01-01 UTC.
CREATE TABLE commands (
    id TEXT PRIMARY KEY NOT NULL,
    command TEXT NOT NULL,
    arguments TEXT NOT NULL, -- a JSON list
    operator TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    exit_code INTEGER,
    flake TEXT,
    revision TEXT,
    rollout TEXT,
    rollout_end TEXT,
    reason TEXT,
    code TEXT,
    problem TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX commands_by_time ON commands (began, id);
CREATE INDEX commands_by_rollout ON commands (rollout);

CREATE TABLE hosts (
    command TEXT NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    steps INTEGER,
    begun INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    before_number INTEGER,
    before_closure TEXT,
    after_number INTEGER,
    after_closure TEXT,
    duration_ms INTEGER,
    exit_code INTEGER,
    code TEXT,
    problem TEXT,
    PRIMARY KEY (command, host)
) STRICT, WITHOUT ROWID;

CREATE INDEX hosts_by_name ON hosts (host, command);
