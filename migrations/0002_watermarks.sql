-- Batch views: how far each was materialized, and who is at it.

-- Written in the transaction of the batch that it counts, so that history, online table and watermark move together.
CREATE TABLE asof.watermarks (
    view integer PRIMARY KEY,           -- asof.views.id
    watermark timestamptz NOT NULL,     -- every event time before it was asked for once
    batch bigint,                       -- the last batch that stored rows
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who took a view's materialization lock last. Only the lock says whether that run is still at work.
CREATE TABLE asof.materialize_runs (
    view integer PRIMARY KEY,
    holder text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
