-- The release before may not go on writing: it would make views and features that nothing tells apart from those before.

-- Which version of the definitions made a view or a feature. A version of a service reads nothing that was made after it was
-- in force last: what it read was pruned, and the name is another's now.

-- 0 = from the start: nothing was ever pruned under that name.
ALTER TABLE asof.views ADD COLUMN since bigint NOT NULL DEFAULT 0;
ALTER TABLE asof.features ADD COLUMN since bigint NOT NULL DEFAULT 0;

-- Of a name that was ever pruned, the version in which it last appeared: that is when it was made, or later.
UPDATE asof.views v SET since = coalesce((
    SELECT max(d.version) FROM asof.definitions d
    WHERE d.document->'views' @> jsonb_build_array(jsonb_build_object('name', v.name))
        AND NOT EXISTS (SELECT FROM asof.definitions p WHERE p.version = d.version - 1
            AND p.document->'views' @> jsonb_build_array(jsonb_build_object('name', v.name)))), 0)
WHERE EXISTS (SELECT FROM asof.removals r WHERE r.kind = 'prune' AND r.view_name = v.name AND r.feature = '');

WITH pruned AS (
    SELECT f.id, jsonb_build_array(jsonb_build_object('name', v.name, 'features',
        jsonb_build_array(jsonb_build_object('name', f.name)))) AS named
    FROM asof.features f JOIN asof.views v ON v.id = f.view
    WHERE EXISTS (SELECT FROM asof.removals r WHERE r.kind = 'prune' AND r.view_name = v.name AND r.feature = f.name)
)
UPDATE asof.features f SET since = coalesce((
    SELECT max(d.version) FROM asof.definitions d
    WHERE d.document->'views' @> p.named
        AND NOT EXISTS (SELECT FROM asof.definitions b WHERE b.version = d.version - 1 AND b.document->'views' @> p.named)), 0)
FROM pruned p WHERE p.id = f.id;

-- Without a default on purpose, as `project` of asof.definitions: an `apply` of the release before would not say it.
ALTER TABLE asof.views ALTER COLUMN since DROP DEFAULT;
ALTER TABLE asof.features ALTER COLUMN since DROP DEFAULT;
