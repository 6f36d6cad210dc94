-- The release before may go on writing: it knows no directories in object storage, and of others nothing changes.

-- What object storage called the bytes that were written; null = a file.
ALTER TABLE asof.segments ADD COLUMN etag text;

-- Objects that were taken off the list of a directory in object storage. Unlike a file, an object that is removed ends for those
-- who read it: so they stay for a while, unless a forget came after their position.
CREATE TABLE asof.replaced_segments (
    directory uuid NOT NULL,
    file text COLLATE "C" NOT NULL,
    view integer NOT NULL,
    position bigint NOT NULL,           -- the state that the object has
    replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (directory, file)
);
