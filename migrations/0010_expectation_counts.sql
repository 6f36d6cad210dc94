-- What writes counted of features' expectations: how many values were not as expected, and how many were null.

-- One row a commit, view and feature, and only where there is something to tell: a value that failed, or a feature whose
-- share of nulls is watched. Kept for 30 days: every thousandth commit deletes what is older. No values: those of an
-- entity that is forgotten may be in no other table.
CREATE TABLE asof.expectation_counts (
    view integer NOT NULL,
    batch bigint NOT NULL,              -- its ledger row has position and time
    feature integer NOT NULL,           -- asof.features.id
    rows bigint NOT NULL,               -- rows that were looked at: stored or refused, no tombstones
    nulls bigint NOT NULL,              -- of those that are stored
    warned bigint NOT NULL,             -- stored although not as expected
    refused bigint NOT NULL,            -- not stored, and set aside or named to who sent them
    PRIMARY KEY (view, batch, feature)
);
