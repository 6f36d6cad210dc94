-- The release before may not go on writing: it compares the schema's number only when it opens a store.

-- Which binaries may write to this store: those that know every migration which does not let older ones. A migration says so
-- in the first line of its file; what says nothing, as all before this one, does not let them.
ALTER TABLE asof.migrations ADD COLUMN older_may_write boolean NOT NULL DEFAULT false;

-- The first statement of every transaction that writes, and again beside the ledger's last position: refuses a binary that
-- knows too little. The lock is held to the transaction's end and is the one that a migration takes for itself alone, so
-- that nothing that was admitted lands after a migration. Each statement in here has a snapshot of its own: what is read
-- once the lock is there is what is committed then. The setting tells the trigger below that it was asked. It runs as its
-- owner, since a role that may write something need not be one that may read this table.
CREATE FUNCTION asof.admit_writer(known_schema integer) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lowest integer;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(1098084198, 2);
    SELECT m.number INTO lowest FROM asof.migrations m WHERE NOT m.older_may_write ORDER BY m.number DESC LIMIT 1;
    IF lowest > known_schema THEN
        RAISE EXCEPTION 'schema % may not write to this store', known_schema USING
            ERRCODE = 'AS001',
            DETAIL = (SELECT pg_catalog.max(m.number)::text FROM asof.migrations m),
            HINT = 'use a newer asof';
    END IF;
    PERFORM pg_catalog.set_config('asof.schema', known_schema::text, true);
END
$$;

-- Binaries from before do not ask. They are known by the settings of their transactions, which somebody who mends the
-- ledger by hand does not have.
CREATE FUNCTION asof.refuse_older_writer() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'this asof is too old to write to the store, which has schema %; use a newer asof',
        (SELECT pg_catalog.max(m.number) FROM asof.migrations m) USING ERRCODE = '25006';
END
$$;
CREATE TRIGGER refuse_older_writer BEFORE INSERT ON asof.batches FOR EACH STATEMENT
    WHEN (
        coalesce(current_setting('asof.schema', true), '') = ''
        AND current_setting('idle_in_transaction_session_timeout') = '1min'
    )
    EXECUTE FUNCTION asof.refuse_older_writer();
