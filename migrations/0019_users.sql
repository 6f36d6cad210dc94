-- The release before may go on writing: it lets nobody in by these tables, and their entries stand under a view that it passes over.

-- Users of servers. A removed user's number is never used again, so that one of the same name is another user.
CREATE TABLE asof.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    verifier text NOT NULL,             -- SCRAM-SHA-256, as PostgreSQL keeps those of its roles
    previous text,                      -- of the password before, which is valid beside it
    previous_until timestamptz,         -- so long
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((previous IS NULL) = (previous_until IS NULL))
);

-- What a user may do: a role for the names that match.
CREATE TABLE asof.user_grants (
    user_id bigint NOT NULL REFERENCES asof.users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('reader', 'writer', 'trainer', 'admin')),
    names text COLLATE "C" NOT NULL,    -- clicks_*, or view:…, service:…, model:…
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, role, names)
);

-- One row, which moves with each change: servers look at it some times a second.
CREATE TABLE asof.user_changes (
    version bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO asof.user_changes VALUES (0);
