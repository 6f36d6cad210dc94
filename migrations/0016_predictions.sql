-- The release before may go on writing: it logs no predictions and knows nothing of the table.

-- What models answered, where `log:` of the model says so: enough to make each answer again, without what the model read.
-- A partition a day, named by it, made by whoever logs the day's first row and dropped when it is too old. Commits of it take no
-- position.
CREATE TABLE asof.predictions (
    served_at timestamptz NOT NULL,
    server uuid NOT NULL,               -- a run of a server
    number bigint NOT NULL,             -- of the rows that it answered, in their order
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    publish integer,                    -- of a version that learns; null = it answered by its file
    route text COLLATE "C" NOT NULL,    -- the alias that was asked, or `pinned`
    position bigint NOT NULL,           -- of what was read
    is_exact boolean NOT NULL,          -- false = what was read may be newer than the position
    time timestamptz NOT NULL,          -- as of which values and ages are
    is_timed boolean NOT NULL,          -- whether the request said so, by AT
    keys jsonb NOT NULL,                -- values are texts, as everywhere in the store; null is null
    request jsonb NOT NULL,             -- request fields
    overrides jsonb NOT NULL,           -- columns that the request gave instead of stored ones
    is_cut boolean NOT NULL,            -- request and overrides were too large and are left out
    status text COLLATE "C" NOT NULL,   -- known, partial, unknown, fallback
    fallback text COLLATE "C",          -- by which the answer was given; null = the model gave it
    score real[] NOT NULL,              -- one for each output; NaN = null
    marks bytea NOT NULL,               -- one byte of a digest for each input of the model, as it read it
    request_id text
) PARTITION BY RANGE (served_at);
