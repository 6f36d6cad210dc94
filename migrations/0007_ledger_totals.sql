-- What the ledger's rows add up to, of each view, so that nobody sums the whole ledger.

-- As of `position`: facts that never change. The greatest position among the rows holds for all of them, since a view
-- whose row is older has no ledger rows in between. One batch of a thousand writes them, before it takes the ledger's
-- lock; readers add the ledger rows behind that position.
CREATE TABLE asof.ledger_totals (
    view integer PRIMARY KEY,           -- asof.views.id; 0 = the whole store
    position bigint NOT NULL,
    rows bigint NOT NULL,               -- rows of the view's history: stored, less those removed
    last_position bigint NOT NULL,      -- its last commit
    stored_position bigint,             -- its last commit of kind data or materialize; null = none
    event_time_high timestamptz,        -- the greatest event time that was ever stored
    high_position bigint,               -- the commit that brought it first
    removed_time_high timestamptz       -- the greatest event time that was ever removed
) WITH (fillfactor = 70);

INSERT INTO asof.ledger_totals
SELECT view, (SELECT max(position) FROM asof.batches),
    sum(CASE WHEN kind IN ('data', 'materialize') THEN rows WHEN kind IN ('forget', 'drop') THEN -rows ELSE 0 END),
    max(position),
    max(position) FILTER (WHERE kind IN ('data', 'materialize')),
    max(max_event_time) FILTER (WHERE kind IN ('data', 'materialize')),
    (array_agg(position ORDER BY max_event_time DESC, position)
        FILTER (WHERE kind IN ('data', 'materialize') AND max_event_time IS NOT NULL))[1],
    max(max_event_time) FILTER (WHERE kind IN ('forget', 'drop'))
FROM asof.batches GROUP BY view;
