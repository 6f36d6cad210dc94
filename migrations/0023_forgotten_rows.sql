-- The release before may go on writing: it reads no file that is older than a forget, and writes such files anew.

-- Rows of a file that were forgotten since it was written, by their numbers in it, so that nobody's key stays in the database: a
-- reader passes over them, and the next build writes the file without them. Two numbers for each stretch of rows: its first, and
-- that behind its last. And the batches of the forgets after which the file can be read: their rows are all among these.
ALTER TABLE asof.segments ADD COLUMN removed_rows bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN forgotten bigint[] NOT NULL DEFAULT '{}';
