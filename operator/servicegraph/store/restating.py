"""The SQL by which `store.facts` replaces what objects said: statements that each write and log one kind of difference.

All take the same parameters: $1 $2 $3 the scope (object ids, their names, why what they no longer state goes), $4 version,
$5 time, $6 provider, $7 its name, $8 node or edge. What is restated goes through REMOVE, CHANGE, ADD, in this order. The
writers' lock makes it safe to carry the address of a row (ctid) from a read to a write within one statement. Words in braces
are tables and columns.
"""

from __future__ import annotations

STAGING = "CREATE TEMPORARY TABLE {staging} (LIKE {facts} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"

SCOPE = "scope AS (SELECT * FROM unnest($1::int[], $2::text[], $3::text[]) AS listed (object, name, reason))"
"""Stands for {scope} below."""

LOG = """
    INSERT INTO changes (version, at, kind, subject, source, target, provider, object, reason, details)
    SELECT $4::bigint, $5::timestamptz, log.kind, $8::text,
           s.printed, t.printed, $7::text, log.name, log.reason, log.details
    FROM log JOIN services s ON s.id = log.source LEFT JOIN services t ON t.id = log.target
"""
"""Stands for {log} below."""

REMOVE = """
WITH {scope}, gone AS (
    DELETE FROM {facts} o USING scope
    WHERE o.provider = $6::smallint AND o.object = scope.object
      AND NOT EXISTS (
        SELECT FROM {staging} i
        WHERE i.provider = o.provider AND i.object = o.object AND i.{key} = o.{key}
      )
    RETURNING o.{source} AS source, {old_target} AS target, scope.name, scope.reason,
              to_jsonb(o) - ARRAY[{surrogates}] AS said
), log AS (
    SELECT 'removed' AS kind, source, target, name, reason, jsonb_strip_nulls(said) AS details FROM gone
), logged AS ({log})
SELECT source, target FROM gone
"""
"""Facts no longer stated; returns their ends."""

CHANGE = """
WITH {scope}, differing AS MATERIALIZED (
    SELECT i.*, o.ctid AS place, o.{source} AS old_source, {old_target} AS old_target,
           to_jsonb(o) AS before, to_jsonb(i) AS after
    FROM {staging} i JOIN {facts} o
      ON o.provider = i.provider AND o.object = i.object AND o.{key} = i.{key}
    WHERE i.provider = $6::smallint AND ({stored}) IS DISTINCT FROM ({said})
), written AS (
    UPDATE {facts} o SET {assignments} FROM differing d WHERE o.ctid = d.place
), judged AS (
    SELECT d.*, d.{source} AS new_source, {new_target} AS new_target, scope.name AS object_name,
           (d.old_source, d.old_target) IS DISTINCT FROM (d.{source}, {new_target}) AS moved
    FROM differing d JOIN scope USING (object)
), log AS (
    SELECT 'changed' AS kind, old_source AS source, old_target AS target, object_name AS name, 'declared' AS reason, (
        SELECT jsonb_object_agg(b.key, jsonb_build_array(b.value, a.value))
        FROM jsonb_each(before) b JOIN jsonb_each(after) a USING (key)
        WHERE a.value <> b.value AND key IN ({compared})
    ) AS details
    FROM judged WHERE NOT moved
    UNION ALL
    SELECT 'removed', old_source, old_target, object_name, 'moved', jsonb_strip_nulls(before - ARRAY[{surrogates}])
    FROM judged WHERE moved
    UNION ALL
    SELECT 'added', new_source, new_target, object_name, 'moved', '{{}}'
    FROM judged WHERE moved
), logged AS ({log})
SELECT old_source, old_target FROM differing
"""
"""Facts stated otherwise than before, logged as column: [before, after]; returns the ends they had.

One between other services than before is logged as gone from there and new here.
"""

ADD = """
WITH {scope}, fresh AS (
    INSERT INTO {facts} AS o ({columns})
    SELECT {staged} FROM {staging} i
    WHERE i.provider = $6::smallint AND NOT EXISTS (
        SELECT FROM {facts} o
        WHERE o.provider = i.provider AND o.object = i.object AND o.{key} = i.{key}
    )
    RETURNING o.{source} AS source, {old_target} AS target, o.object
), log AS (
    SELECT 'added' AS kind, source, target, scope.name, 'declared' AS reason, '{{}}'::jsonb AS details
    FROM fresh JOIN scope USING (object)
)
{log}
"""
"""Facts not stated before."""
