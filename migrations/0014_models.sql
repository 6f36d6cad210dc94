-- The release before may go on writing: it knows nothing of models, and their entries stand under a view that it passes over.

-- A version of a model: never changed but for its state, its number never used again. Registered with one entry of the ledger, kind
-- `model`, view -1, whose batch is the version's.
CREATE TABLE asof.model_versions (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    service text COLLATE "C" NOT NULL,
    service_version integer NOT NULL,
    fingerprint text NOT NULL,          -- of the service's columns
    rules text NOT NULL,
    algorithm text NOT NULL,
    artifact bytea NOT NULL,            -- SHA-256 of the model file
    artifact_bytes bigint NOT NULL,
    signature jsonb NOT NULL,           -- how columns become numbers; what outputs are called
    base double precision[] NOT NULL,   -- what the training rows are like: the answer for an entity that nothing is known of
    manifest jsonb NOT NULL,            -- parameters, seed, split, training set, library
    metrics jsonb NOT NULL,
    state text NOT NULL,                -- ready, unproven, rolled back, retired
    batch bigint NOT NULL,
    PRIMARY KEY (model, version)
);

-- Model files by their SHA-256, in parts: one backup has store and models together.
CREATE TABLE asof.model_artifacts (
    sha256 bytea NOT NULL,
    part integer NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (sha256, part)
);
ALTER TABLE asof.model_artifacts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Rows of inputs with the margins that the trainer had for them, as little-endian float32: a server that does not have the same bits
-- does not answer by the version.
CREATE TABLE asof.model_golden (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    inputs bytea NOT NULL,
    margins bytea NOT NULL,
    PRIMARY KEY (model, version)
);

-- Which version a name stands for now.
CREATE TABLE asof.model_aliases (
    model text COLLATE "C" NOT NULL,
    alias text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (model, alias)
);

-- What happened to models; append-only. With the ledger's position of its batch it says for ever who was what when.
CREATE TABLE asof.model_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text COLLATE "C" NOT NULL,
    kind text NOT NULL,                 -- register, alias, rollback, retire
    alias text COLLATE "C",
    from_version integer,
    to_version integer,
    role text NOT NULL DEFAULT current_user,
    reason text,
    batch bigint NOT NULL
);
CREATE INDEX ON asof.model_events (model, id);
