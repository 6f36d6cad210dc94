-- The store: its identity, the ledger, the registry of definitions, checkpoints of sources, training sets.
-- Tables of views are made by `asof apply`: history."view" with its partitions, online."view".

CREATE SCHEMA history;
CREATE SCHEMA online;

-- One row: which store this is. A copy of the database keeps the id; its ledger's uids tell the two apart.
CREATE TABLE asof.store (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO asof.store DEFAULT VALUES;

-- A batch takes its number when it starts to write, its position when it commits.
CREATE SEQUENCE asof.batch_numbers AS bigint;

-- The ledger. Rows of one position belong to one transaction, one row for each view that it wrote.
-- batch_high is the greatest batch of all positions up to this one, so that "position <= N" turns into a bound on
-- batches and the few that were overtaken.
CREATE TABLE asof.batches (
    position bigint NOT NULL,
    batch bigint NOT NULL,
    view integer NOT NULL,              -- asof.views.id; 0 = the whole store
    kind text NOT NULL,                 -- data, materialize, rebuild, forget, drop, definitions
    rows bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    uid uuid NOT NULL,
    min_event_time timestamptz,
    max_event_time timestamptz,
    batch_high bigint NOT NULL,
    PRIMARY KEY (position, view)
);
CREATE INDEX batches_batch ON asof.batches (batch);
CREATE INDEX batches_overtaken ON asof.batches (position, batch, view) WHERE batch < batch_high;
CREATE INDEX batches_committed_at ON asof.batches (committed_at);

-- What is worth knowing of a batch beside its ledger row.
CREATE TABLE asof.batch_details (
    batch bigint NOT NULL,
    view integer NOT NULL,
    source text,
    late_rows bigint,                   -- rows older than the online row of their entity
    duplicate_rows bigint,              -- rows of this batch replaced by a later row of it with the same key and time
    role text NOT NULL DEFAULT current_user,
    application text NOT NULL DEFAULT current_setting('application_name'),
    PRIMARY KEY (batch, view)
);

-- How far each source of a view has been read.
CREATE TABLE asof.sources (
    view integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,     -- the file's name, without folders
    head_bytes integer NOT NULL,        -- how much of the file's beginning head_digest covers; 0 where a name was given
    head_digest bytea NOT NULL,
    rows bigint NOT NULL DEFAULT 0,     -- input rows consumed
    digest bytea NOT NULL DEFAULT '',   -- over the decoded values of those rows
    options text NOT NULL,              -- the options that give the rows their meaning
    batch bigint,                       -- the last batch; its ledger row has the position
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (view, source)
);

CREATE TABLE asof.definitions (
    version bigint PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL DEFAULT current_user,
    document jsonb NOT NULL             -- entities, views and services as they stood from this version on
);

CREATE TABLE asof.views (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    definition jsonb NOT NULL,          -- as last applied; of a retired view, as it was then
    shape bigint NOT NULL,              -- the definitions version that last changed its features; writers compare it
    retired_at timestamptz
);

CREATE TABLE asof.features (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    view integer NOT NULL REFERENCES asof.views (id),
    name text COLLATE "C" NOT NULL,
    type text NOT NULL,
    retired_at timestamptz,
    UNIQUE (view, name)
);

CREATE TABLE asof.services (
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    fingerprint text NOT NULL,
    definition jsonb NOT NULL,
    definitions_version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, version)
);

-- Partitions of history are named by number: history."_p<number>".
CREATE TABLE asof.partitions (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    view integer NOT NULL REFERENCES asof.views (id),
    range_from timestamptz,             -- null = unbounded
    range_to timestamptz,
    UNIQUE (view, range_from)
);

CREATE TABLE asof.training_sets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL DEFAULT current_user,
    output text NOT NULL,
    content_digest text NOT NULL,
    manifest jsonb NOT NULL
);
