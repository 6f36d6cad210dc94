-- The release before may go on writing: rows and columns are as it knows them, and it is kept from giving a feature a name that another had.

-- What a feature was called, and which type it had, before a definitions version renamed or widened it: [{"until", "at", "name",
-- "type"}, …], ascending. "until" is that version, "at" its time in µs since 1970. Versions of services and manifests from before
-- find the feature by it.
ALTER TABLE asof.features ADD COLUMN former jsonb NOT NULL DEFAULT '[]';

-- A name that a feature had leads to it for as long as it is there.
CREATE FUNCTION asof.refuse_former_name() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM asof.features f WHERE f.view = NEW.view AND f.id <> NEW.id
            AND f.former @> jsonb_build_array(jsonb_build_object('name', NEW.name))) THEN
        RAISE EXCEPTION 'the name ''%'' was another feature''s of the view; use a newer asof, which says whose', NEW.name
            USING ERRCODE = '23505';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse_former_name BEFORE INSERT ON asof.features FOR EACH ROW EXECUTE FUNCTION asof.refuse_former_name();
