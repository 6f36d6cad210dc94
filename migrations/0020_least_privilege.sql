-- The release before may go on writing: triggers write the audit, whoever changes something, and partitions may be made as before.

-- Makes a partition of a view's history, for roles that write and do not own it. It runs as its owner, and takes nothing that
-- becomes SQL but a view's name, which it reads itself. A table made by itself and attached takes no lock that readers or writers
-- of the parent wait for. The year 10000 begins after the last time that RFC 3339 can spell.
CREATE FUNCTION asof.add_partition(of_view integer, range_from timestamptz, range_to timestamptz) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    history text := (SELECT v.name FROM asof.views v WHERE v.id = of_view);
    part text;
BEGIN
    IF history IS NULL THEN
        RAISE EXCEPTION 'no view %', of_view USING ERRCODE = '42P01';
    END IF;
    INSERT INTO asof.partitions (view, range_from, range_to) VALUES (of_view, range_from, range_to)
        RETURNING '_p' || number INTO part;
    EXECUTE format('CREATE TABLE history.%I (LIKE history.%I INCLUDING DEFAULTS)', part, history);
    EXECUTE format('ALTER TABLE history.%I ATTACH PARTITION history.%I FOR VALUES FROM (%s) TO (%s)', history, part,
        coalesce(quote_literal(range_from), 'MINVALUE'), coalesce(quote_literal(range_to), 'MAXVALUE'));
END
$$;
REVOKE ALL ON FUNCTION asof.add_partition FROM PUBLIC;

-- The same of a day of the log of predictions.
CREATE FUNCTION asof.add_predictions_day(day date) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    part text := 'predictions_' || to_char(day, 'YYYYMMDD');
BEGIN
    EXECUTE format('CREATE TABLE asof.%I (LIKE asof.predictions INCLUDING DEFAULTS)', part);
    EXECUTE format('ALTER TABLE asof.predictions ATTACH PARTITION asof.%I FOR VALUES FROM (%L) TO (%L)', part,
        day::timestamptz, (day + 1)::timestamptz);
END
$$;
REVOKE ALL ON FUNCTION asof.add_predictions_day FROM PUBLIC;

-- Who changed what, when, from where. Positions are those of the ledger's entries of the batch. No values, no keys.
CREATE TABLE asof.audit (
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,               -- definitions, forget, drop, rebuild, export, model …, user …
    subject text,                       -- a view, a training set, a model, a user
    detail text,
    position bigint,                    -- null = that of the batch
    batch bigint,
    role text NOT NULL,                 -- of PostgreSQL
    actor text,                         -- the server's user; null = not by a server
    client text,                        -- the server's client
    address inet,                       -- from where PostgreSQL was asked; null = a socket of its machine
    application text
) PARTITION BY RANGE (at);
CREATE INDEX audit_at ON asof.audit (at);

-- The session's role and not the function's owner, so that a role needs no right on the table; nor could it use one to lie.
CREATE FUNCTION asof.note(action text, subject text, detail text, "position" bigint, batch bigint) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO asof.audit (action, subject, detail, position, batch, role, actor, client, address, application)
    VALUES (action, subject, detail, "position", batch, session_user,
        nullif(current_setting('asof.actor', true), ''), nullif(current_setting('asof.client', true), ''),
        inet_client_addr(), current_setting('application_name'))
$$;
REVOKE ALL ON FUNCTION asof.note FROM PUBLIC;

CREATE FUNCTION asof.note_batch() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM asof.note(NEW.kind, (SELECT v.name FROM asof.views v WHERE v.id = NEW.view),
        CASE WHEN NEW.rows > 0 THEN NEW.rows || ' rows' END, NEW.position, NEW.batch);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_batch AFTER INSERT ON asof.batches FOR EACH ROW
    WHEN (NEW.kind IN ('definitions', 'forget', 'drop', 'rebuild')) EXECUTE FUNCTION asof.note_batch();

CREATE FUNCTION asof.note_model() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM asof.note('model ' || NEW.kind, NEW.model,
        concat_ws(' ', NEW.alias, NEW.from_version || ' →', NEW.to_version), NULL, NEW.batch);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_model AFTER INSERT ON asof.model_events FOR EACH ROW EXECUTE FUNCTION asof.note_model();

CREATE FUNCTION asof.note_training_set() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM asof.note('export', NEW.output, NULL, (NEW.manifest #>> '{store,position}')::bigint, NULL);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_training_set AFTER INSERT ON asof.training_sets FOR EACH ROW
    EXECUTE FUNCTION asof.note_training_set();

-- Neither verifiers nor what became of them.
CREATE FUNCTION asof.note_user() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        PERFORM asof.note(
            CASE TG_OP WHEN 'INSERT' THEN 'user add' WHEN 'DELETE' THEN 'user remove' ELSE 'user passwd' END,
            coalesce(NEW.name, OLD.name), NULL, NULL, nullif(current_setting('asof.batch', true), '')::bigint);
    ELSE
        PERFORM asof.note(
            CASE TG_OP WHEN 'DELETE' THEN 'user revoke' ELSE 'user grant' END,
            (SELECT u.name FROM asof.users u WHERE u.id = coalesce(NEW.user_id, OLD.user_id)),
            coalesce(NEW.role, OLD.role) || ' ' || coalesce(NEW.names, OLD.names), NULL,
            nullif(current_setting('asof.batch', true), '')::bigint);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_user AFTER INSERT OR UPDATE OR DELETE ON asof.users FOR EACH ROW EXECUTE FUNCTION asof.note_user();
CREATE TRIGGER note_grant AFTER INSERT OR UPDATE OR DELETE ON asof.user_grants FOR EACH ROW
    EXECUTE FUNCTION asof.note_user();

CREATE FUNCTION asof.refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'asof.audit only grows; the owner drops partitions of years that are not to be kept'
        USING ERRCODE = '42501';
END
$$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON asof.audit FOR EACH ROW
    EXECUTE FUNCTION asof.refuse_change_of_audit();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON asof.audit FOR EACH STATEMENT
    EXECUTE FUNCTION asof.refuse_change_of_audit();

-- A partition a year, so that old years can be dropped, and one for what has none; later migrations add years.
DO $$
DECLARE
    year integer;
    part text;
BEGIN
    FOR year IN 2026..2030 LOOP
        part := 'audit_' || year;
        EXECUTE format('CREATE TABLE asof.%I PARTITION OF asof.audit FOR VALUES FROM (%L) TO (%L)', part,
            year || '-01-01 00:00:00+00', (year + 1) || '-01-01 00:00:00+00');
    END LOOP;
    CREATE TABLE asof.audit_other PARTITION OF asof.audit DEFAULT;
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'asof.audit'::regclass LOOP
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON asof.%I FOR EACH STATEMENT
            EXECUTE FUNCTION asof.refuse_change_of_audit()', part);
    END LOOP;
END
$$;

-- Whoever may execute a trigger's function may have it run as its owner for a table of their own, whose columns have types and
-- casts of their own. That a trigger fires asks for no right.
REVOKE ALL ON FUNCTION asof.note_batch, asof.note_model, asof.note_training_set, asof.note_user FROM PUBLIC;
