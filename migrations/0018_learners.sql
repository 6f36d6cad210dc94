-- The release before may go on writing: it knows nothing of learners, and their publishes stand under a view that it passes over; a name that it
-- moves is a version's again, since its batch is another.

-- What learns a version of a model from its labels, as of its last commit: compared and set, so that of two learners one gives up.
CREATE TABLE asof.learners (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    seq bigint NOT NULL,                -- commits so far
    position bigint NOT NULL,           -- of the ledger: all labels up to it are learned
    uid uuid,                           -- of that position
    committed_at timestamptz,           -- of that position
    point_position bigint,              -- the last point at which there is something to publish
    point_at timestamptz,
    labels jsonb NOT NULL,              -- where labels come from: never changed
    sums jsonb NOT NULL,                -- examples, losses, what was passed over
    PRIMARY KEY (model, version)
);

-- The weights of learners: what a commit changed, now and then all of them.
CREATE TABLE asof.learner_states (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    seq bigint NOT NULL,
    is_whole boolean NOT NULL,
    slots bytea NOT NULL,               -- 20 bytes each: slot, z, n, little-endian
    PRIMARY KEY (model, version, seq)
);
ALTER TABLE asof.learner_states ALTER COLUMN slots SET STORAGE EXTERNAL;

-- What servers answer by: a learner's state, by the number of its publish. Each has an entry of the ledger, kind `model`.
CREATE TABLE asof.model_publishes (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    publish integer NOT NULL,
    seq bigint NOT NULL,
    position bigint NOT NULL,           -- the learner's
    committed_at timestamptz,           -- of that position
    digest bytea NOT NULL,              -- SHA-256 of all its slots
    margins bytea NOT NULL,             -- of the version's golden rows
    sums jsonb NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (model, version, publish),
    UNIQUE (model, version, seq)
);

-- A name may stand for one publish; NULL = the newest. It counts where publish_batch is the row's batch.
ALTER TABLE asof.model_aliases ADD COLUMN publish integer, ADD COLUMN publish_batch bigint;
ALTER TABLE asof.model_events ADD COLUMN from_publish integer, ADD COLUMN to_publish integer;
