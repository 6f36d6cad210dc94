-- Segments: files of sorted history beside the database, a cache that any host may have or lack.

-- The files of each directory of segments. A directory is told by the id in its marker: rows of other directories are
-- another host's, and neither read nor removed. A row says what its file covers; whether that is still so, the ledger
-- tells: a forget or drop behind `position`, or another `uid` there, and the file is not read.
CREATE TABLE asof.segments (
    directory uuid NOT NULL,
    file text COLLATE "C" NOT NULL,             -- below the directory
    view integer NOT NULL,                      -- asof.views.id
    partition integer NOT NULL,                 -- asof.partitions.number
    range_from timestamptz,                     -- the partition's range; null = unbounded
    range_to timestamptz,
    position bigint NOT NULL,                   -- the file has the partition's rows up to here, and no others
    uid uuid NOT NULL,
    batch_max bigint NOT NULL,                  -- the same as a bound on batches: those up to this one,
    open_batches bigint[] NOT NULL,             -- less these, and less any below that committed later still
    rows bigint NOT NULL,
    first_keys text[] NOT NULL,                 -- of the first and last row: keys in order, integers as digits
    last_keys text[] NOT NULL,
    min_event_time timestamptz NOT NULL,
    max_event_time timestamptz NOT NULL,
    feature_ids integer[] NOT NULL,             -- asof.features.id of the file's columns,
    feature_names text[] NOT NULL,              -- and their names
    feature_max integer NOT NULL,               -- features with a greater id are younger than the file
    bytes bigint NOT NULL,
    tail_bytes bigint NOT NULL,                 -- the file's last bytes, page index and footer, and their CRC-32
    tail_crc bigint NOT NULL,
    sha256 bytea NOT NULL,                      -- of the whole file
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (directory, file),
    UNIQUE (directory, partition)
);
