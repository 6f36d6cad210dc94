-- Sources of servers' writes: a write that its client sends again is stored once.

-- How far each source has come: a client that got no answer sends the same number again. The row is written in the
-- transaction of the rows that it counts.
CREATE TABLE asof.write_sources (
    source text COLLATE "C" PRIMARY KEY,
    seq bigint,                         -- the number of the last write that is stored; null = none yet
    batch bigint,                       -- that write's batch; its ledger row has the position
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
