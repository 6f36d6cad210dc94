-- The release before may go on writing: versions that it registers have no reference, and are not watched.

-- What the training rows of a version were like, in bins.
ALTER TABLE asof.model_versions ADD COLUMN reference jsonb;

-- Rows of traffic in the bins of a version's reference, summed up about each minute by each server. Commits of it take no position.
CREATE TABLE asof.model_counts (
    model text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    minute timestamptz NOT NULL,        -- its beginning
    server uuid NOT NULL,
    rows bigint NOT NULL,
    counts bytea NOT NULL               -- in the reference's order, each in 7 bits a byte, the least first
);
CREATE INDEX ON asof.model_counts (model, version, minute);
CREATE INDEX ON asof.model_counts (minute);
