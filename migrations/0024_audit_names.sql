-- The release before may go on writing: its changes are noted by the same trigger.

-- Of definitions, whose they are and which version; of a view or features that were pruned, their names.
CREATE OR REPLACE FUNCTION asof.note_batch() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject text;
    detail text := CASE WHEN NEW.rows > 0 THEN NEW.rows || ' rows' END;
BEGIN
    IF NEW.kind = 'definitions' THEN
        -- This transaction's; an apply that only prunes has none.
        SELECT nullif(d.project, ''), 'version ' || d.version INTO subject, detail FROM asof.definitions d
            WHERE d.xmin::text::bigint = pg_current_xact_id()::text::bigint % 4294967296 ORDER BY d.version DESC LIMIT 1;
        SELECT concat_ws(', ', detail, 'pruned ' || string_agg(r.view_name || '.' || r.feature, ', ' ORDER BY r.view_name, r.feature))
            INTO detail FROM asof.removals r WHERE r.batch = NEW.batch AND r.feature <> '';
    ELSE
        SELECT v.name INTO subject FROM asof.views v WHERE v.id = NEW.view;
        SELECT coalesce(subject, min(r.view_name)), concat_ws(', ', string_agg('feature ' || nullif(r.feature, ''), ', '
            ORDER BY r.feature), detail) INTO subject, detail
            FROM asof.removals r WHERE r.batch = NEW.batch AND r.view = NEW.view;
    END IF;
    PERFORM asof.note(NEW.kind, subject, nullif(detail, ''), NEW.position, NEW.batch);
    RETURN NULL;
END
$$;
