-- How many rows of a batch view's chunk came again with floats that differ within the view's tolerance, and were left out.

-- Null = not counted: a batch of another kind, or from before. Instant, whatever the table has.
ALTER TABLE asof.batch_details ADD COLUMN suppressed_rows bigint;
