import Postgres

/// What a role of PostgreSQL needs for what it is to do, as statements that the store's owner runs.
///
/// They may be run again, after migrations and new views: whatever the role had before, it then has what its kinds need, and
/// no more. Nobody but the owner may change what is committed: no role gets UPDATE, DELETE or TRUNCATE on history, ledger or
/// audit.
package enum RoleGrants: String, CaseIterable, Sendable {
    /// Exports, look-ups, verify; no users and no salts.
    case reader
    /// That, ingests, materialization, streams, segments and servers; new partitions come from a function that runs as the owner.
    case writer
    /// What a reader may, and versions of models and their names.
    case trainer
    /// A role that is to make a store: everything else follows from owning it.
    case owner

    /// Tables of the schema asof that only servers, or only the owner, read.
    private static let secret = ["users", "user_grants", "user_changes", "key_salt"]

    private static let ledger: KeyValuePairs = [
        "batches": "INSERT", "batch_details": "INSERT", "ledger_totals": "INSERT, UPDATE, DELETE",
        "expectation_counts": "INSERT, UPDATE, DELETE", "training_sets": "INSERT",
    ]
    private static let written: KeyValuePairs = [
        "sources": "INSERT, UPDATE", "write_sources": "INSERT, UPDATE", "watermarks": "INSERT, UPDATE",
        "materialize_runs": "INSERT, UPDATE", "stream_positions": "INSERT, UPDATE", "stream_batches": "INSERT",
        "rejects": "INSERT, DELETE", "predictions": "INSERT", "model_counts": "INSERT, DELETE",
        "segments": "INSERT, UPDATE, DELETE", "replaced_segments": "INSERT, DELETE",
    ]
    private static let trained: KeyValuePairs = [
        "model_versions": "INSERT, UPDATE", "model_artifacts": "INSERT", "model_golden": "INSERT",
        "model_aliases": "INSERT, UPDATE", "model_events": "INSERT", "learners": "INSERT, UPDATE",
        "learner_states": "INSERT, DELETE", "model_publishes": "INSERT",
    ]

    /// - Parameters:
    ///   - kinds: what the role is to do: all of it. An owner is nothing beside.
    ///   - name: the role, as it is; it is quoted.
    package static func statements(of kinds: Set<RoleGrants>, for name: String) -> [String] {
        let role = SQLText.identifier(name)
        if kinds.contains(.owner) {
            let grant = "GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO %I"
            let body = "BEGIN EXECUTE format('\(grant)', current_database(), \(SQLText.literal(name))); END"
            return [
                "DO \(SQLText.literal(body));",
                "-- A role that runs `asof init -d …` in this database owns the store.",
            ]
        }
        // Together, so that no server misses a right in between.
        return ["BEGIN;", refusal(of: name)] + takingBack(role, name) + reading(role)
            + (kinds.isDisjoint(with: [.writer, .trainer]) ? [] : committing(role))
            + (kinds.contains(.writer) ? writing(role) : [])
            + (kinds.contains(.trainer) ? grants(trained, role) : []) + ["COMMIT;"]
    }

    /// What the owner's rights would be without: a store that nobody can change.
    private static func refusal(of name: String) -> String {
        let body = """
            BEGIN IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'asof' AND pg_get_userbyid(nspowner) = \(SQLText.literal(name)))
            THEN RAISE EXCEPTION USING MESSAGE = 'this role owns the store and has every right; give another role''s name';
            END IF; END
            """
        return "DO \(SQLText.literal(body));"
    }

    /// Other kinds may have been the role's before.
    private static func takingBack(_ role: String, _ name: String) -> [String] {
        let revoke = "REVOKE CREATE ON DATABASE %I FROM %I"
        let body = "BEGIN EXECUTE format('\(revoke)', current_database(), \(SQLText.literal(name))); END"
        return [
            "DO \(SQLText.literal(body));",
            "REVOKE ALL ON ALL TABLES IN SCHEMA asof, history, online FROM \(role);",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA asof FROM \(role);",
            "REVOKE ALL ON FUNCTION \(functions) FROM \(role);",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA history, online REVOKE ALL ON TABLES FROM \(role);",
        ]
    }

    /// New partitions come from functions that run as the owner.
    private static let functions = "asof.add_partition, asof.add_predictions_day"

    private static func reading(_ role: String) -> [String] {
        [
            "GRANT USAGE ON SCHEMA asof, history, online TO \(role);",
            "GRANT SELECT ON ALL TABLES IN SCHEMA asof, history, online TO \(role);",
            "REVOKE SELECT ON \(secret.map { "asof.\($0)" }.joined(separator: ", ")) FROM \(role);",
            "-- Views that the role which runs this makes later:",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA history, online GRANT SELECT ON TABLES TO \(role);",
        ]
    }

    private static func writing(_ role: String) -> [String] {
        grants(written, role) + [
            "GRANT SELECT ON asof.users, asof.user_grants, asof.user_changes TO \(role);",
            "GRANT EXECUTE ON FUNCTION \(functions) TO \(role);",
            "GRANT INSERT ON ALL TABLES IN SCHEMA history TO \(role);",
            "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA online TO \(role);",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA history GRANT INSERT ON TABLES TO \(role);",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA online GRANT INSERT, UPDATE, DELETE ON TABLES TO \(role);",
        ]
    }

    private static func committing(_ role: String) -> [String] {
        grants(ledger, role) + ["GRANT USAGE ON SEQUENCE asof.batch_numbers TO \(role);"]
    }

    private static func grants(_ rights: KeyValuePairs<String, String>, _ role: String) -> [String] {
        rights.map { "GRANT \($0.value) ON asof.\($0.key) TO \(role);" }
    }
}
