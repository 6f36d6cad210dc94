-- Rows and columns that were in history and are not any more.

-- What was removed, by whom. The ledger row of the same batch has position and time; rows are counted there, too.
CREATE TABLE asof.removals (
    batch bigint NOT NULL,
    view integer NOT NULL,
    view_name text COLLATE "C" NOT NULL,            -- as it was then: a pruned view is in no other table
    feature text COLLATE "C" NOT NULL DEFAULT '',   -- a pruned feature; '' = rows of the view
    kind text NOT NULL,                             -- forget, drop, prune
    history_rows bigint NOT NULL,
    online_rows bigint NOT NULL,
    entity text COLLATE "C",                        -- forget: whose key it was
    key_digest bytea,                               -- forget: the key, salted and hashed slowly
    dropped_before timestamptz,                     -- drop: no earlier event time is left
    role text NOT NULL DEFAULT current_user,
    PRIMARY KEY (batch, view, feature)
);
CREATE INDEX removals_key ON asof.removals (key_digest) WHERE key_digest IS NOT NULL;

-- How many rows each batch lost to a removal, so that ledger and history can still be compared row for row.
CREATE TABLE asof.removed_rows (
    removal bigint NOT NULL,            -- asof.removals.batch
    view integer NOT NULL,
    batch bigint NOT NULL,              -- the batch that had written the rows
    rows bigint NOT NULL,
    PRIMARY KEY (view, batch, removal)
);

-- Without this row nobody can tell any more which keys were forgotten; the store works without it.
CREATE TABLE asof.key_salt (
    salt bytea NOT NULL DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO asof.key_salt DEFAULT VALUES;
