-- The release before may go on writing: it neither reads topics nor knows these tables.

-- How far each partition of a stream's topic was taken. A row moves in the transaction of the rows that it counts, and only
-- from where that transaction's rows begin: whoever read the same records beside it stores nothing.
CREATE TABLE asof.stream_positions (
    stream text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,               -- offset of the first record that is not taken
    last_offset bigint,                 -- of the newest record that was taken; null = none was
    last_digest bytea,                  -- SHA-256 of it, by which the topic is known again
    last_time timestamptz,              -- its time
    cluster text NOT NULL,
    topic text NOT NULL,
    writer text NOT NULL,               -- who moved the row: host and process
    batch bigint,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, partition)
) WITH (fillfactor = 70);

-- Which records a batch took, so that a position names offsets of every partition: those of the newest batch up to it.
CREATE TABLE asof.stream_batches (
    batch bigint NOT NULL,
    stream text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    first bigint NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (stream, partition, batch)
);

-- Records that could not be stored and were set aside, in the transaction of their neighbours.
CREATE TABLE asof.rejects (
    stream text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    record_time timestamptz,
    code text NOT NULL,
    reason text NOT NULL,
    key bytea,
    value bytea,                        -- at most its first 64 KiB
    value_bytes bigint,                 -- null = a tombstone
    batch bigint NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (stream, partition, "offset")
);
CREATE INDEX ON asof.rejects (rejected_at);
