-- Sources of servers' writes keep which of their numbers are stored, not only the greatest: a number in between that is
-- not among them was not stored, and is no duplicate.

-- Lowest and highest number of each range in turn, ascending. Every number up to the greatest counts as stored in a store
-- from before. A server from before does not find its column `seq` and refuses numbered writes.
ALTER TABLE asof.write_sources ADD COLUMN ranges bigint[] NOT NULL DEFAULT '{}';
UPDATE asof.write_sources SET ranges = ARRAY[0, seq] WHERE seq IS NOT NULL;
ALTER TABLE asof.write_sources DROP COLUMN seq;
