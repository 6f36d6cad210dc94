-- A version of a service is its rules, too: TTL, delay and strictness of its views.

-- Versions from before get the rules that are in force now, or that a retired view had last; of a pruned view, which no
-- version can be asked for any more, none. An `apply` of the release before that is still waiting for its answer cannot
-- store a version without rules. Its servers may go on reading and writing: they answer every version by the rules in
-- force, and a name by its greatest version, until they are replaced.
ALTER TABLE asof.services
    ADD COLUMN roles jsonb,             -- in order: {"prefix", "ttl_us", "delay_us", "strict"}; ttl_us null = never expires
    ADD COLUMN rules text,              -- their fingerprint, as `fingerprint` is that of names and types
    ADD COLUMN current_from bigint;     -- the definitions version that put it in force last: the greatest is in force

WITH unit (name, us) AS (
    VALUES ('w', 604800000000), ('d', 86400000000), ('h', 3600000000), ('m', 60000000), ('s', 1000000), ('ms', 1000), ('us', 1)
),
role AS (
    SELECT s.name, s.version, coalesce(c.value->>'alias', c.value->>'view') AS prefix, min(c.value->>'view') AS view,
        min(c.ordinality) AS place
    FROM asof.services s CROSS JOIN LATERAL jsonb_array_elements(s.definition->'columns') WITH ORDINALITY
        AS c (value, ordinality)
    GROUP BY 1, 2, 3
),
text AS (
    SELECT r.*, v.definition->>'ttl' AS ttl, coalesce(v.definition->>'delay', '0s') AS delay,
        coalesce((v.definition->>'isStrict')::boolean, false) AS strict
    FROM role r LEFT JOIN asof.views v ON v.name = r.view
),
rule AS (
    SELECT t.*,
        (SELECT substring(t.ttl FROM '^[0-9]+')::bigint * us FROM unit u WHERE u.name = substring(t.ttl FROM '[a-z]+$'))
            AS ttl_us,
        (SELECT substring(t.delay FROM '^[0-9]+')::bigint * us FROM unit u WHERE u.name = substring(t.delay FROM '[a-z]+$'))
            AS delay_us
    FROM text t
),
version AS (
    SELECT name, version,
        jsonb_agg(
            jsonb_build_object('prefix', prefix, 'ttl_us', ttl_us, 'delay_us', delay_us, 'strict', strict) ORDER BY place
        ) AS roles,
        string_agg(
            prefix || ' ' || coalesce(ttl_us::text, '-') || ' ' || delay_us || ' ' || strict::int || chr(10), '' ORDER BY place
        ) AS lines
    FROM rule GROUP BY name, version
)
UPDATE asof.services s
SET roles = v.roles, current_from = s.definitions_version,
    rules = 'asof-rules-1:' || left(encode(sha256(convert_to('asof-rules-1' || chr(10) || v.lines, 'UTF8')), 'hex'), 16)
FROM version v WHERE v.name = s.name AND v.version = s.version;

ALTER TABLE asof.services
    ALTER COLUMN roles SET NOT NULL, ALTER COLUMN rules SET NOT NULL, ALTER COLUMN current_from SET NOT NULL;
