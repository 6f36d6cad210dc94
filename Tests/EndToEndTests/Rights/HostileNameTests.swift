import Access
import Features
import Foundation
import Operations
import Postgres
import Store
import TestSupport
import Testing

/// Texts that would be statements, paths, options or markup: refused where a name belongs, stored as they are where a value
/// does, and run by nobody.
@Suite struct HostileNameTests {
    private static func json(_ text: String) -> String { Value.string(text).json }

    /// Where a name stands in definitions.
    enum Place: String, CaseIterable, Sendable {
        case entity, key, view, feature, service, request, model, stream

        func yaml(_ name: String) -> String {
            func at(_ place: Place, _ usual: String) -> String { self == place ? json(name) : usual }
            // What is usual is no word of the table.
            return """
                entities: { \(at(.entity, "entity_1")): { key: \(at(.key, "key_1")), type: string } }
                views:
                  \(at(.view, "view_1")): { entities: [\(at(.entity, "entity_1"))], features: { \(at(.feature, "feature_1")): string } }
                services:
                  \(at(.service, "service_1")): [ { request: \(at(.request, "request_1")), type: float64 } ]
                models:
                  \(at(.model, "model_1")): { service: \(at(.service, "service_1")), task: binary, label: label_1 }
                streams:
                  \(at(.stream, "stream_1")): { kafka: { brokers: none, topic: t }, into: \(at(.view, "view_1")), map: { \(at(.key, "key_1")): value.k }, event_time: value.ts unit ms }
                """
        }
    }

    @Test func `the table has a hundred texts, none twice, of every kind`() {
        let texts = HostileText.all.map { Array($0.text.unicodeScalars) }
        #expect(HostileText.all.count >= 100)
        #expect(Set(texts).count == texts.count)
        #expect(Set(HostileText.all.map(\.kind)).count == HostileText.Kind.allCases.count)
    }

    @Test("a name of definitions is good or refused with why", arguments: Place.allCases)
    func definitions(place: Place) throws {
        for item in HostileText.all {
            let yaml = place.yaml(item.text)
            // The reader of YAML drops a mark of byte order: what stands behind it is the name.
            let isName = item.isName || item.text.unicodeScalars.first == "\u{FEFF}"
            do {
                _ = try Definitions.parseWithExpressions(yaml: yaml)
                #expect(isName, "\(item.testDescription) is taken")
            } catch {
                #expect(!isName, "\(item.testDescription): \(error)")
                // One line, which does nothing to a terminal.
                let message = "\(error)"
                #expect(message.utf8.count < 2_000, "\(item.testDescription): \(message.utf8.count) bytes")
                #expect(Self.isPlain(message), "\(item.testDescription): \(message.debugDescription)")
            }
        }
    }

    /// Whether a text has no control characters but line ends between the faults of a file.
    private static func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
    }

    @Test func `a user's name and a grant's pattern are good or refused with why, and nothing else happens`() throws {
        let store = try TestStore("entities: { user: { key: user_id, type: int64 } }")
        let registry = UserRegistry(store.session)
        let verifier = ScramVerifier(password: Array("geheim".utf8), salt: [1], iterations: 2)
        let users = HostileText.all.filter(\.isUser).map(\.text)
        for item in HostileText.all {
            do {
                try registry.add(item.text, verifier, [])
                #expect(item.isUser, "\(item.testDescription) is taken")
            } catch {
                #expect(!item.isUser, "\(item.testDescription): \(error)")
                #expect(error.description.hasPrefix("the user's name '") && error.description.utf8.count < 1_000)
                #expect(
                    Self.isPlain(error.description),
                    "\(item.testDescription): \(error.description.debugDescription)"
                )
            }
            // A pattern of letters, digits and globs; others would be no name's.
            let allowed =
                !item.text.isEmpty && item.text.utf8.count <= AccessLimits.patternBytesMax
                && item.text.utf8.allSatisfy { byte in
                    UInt8(ascii: "a") <= (byte | 0x20) && (byte | 0x20) <= UInt8(ascii: "z")
                        || "0123456789_*?[]^-".utf8.contains(byte)
                } && !item.text.utf8.contains { "{|}~`@\\".utf8.contains($0) }
            #expect(((try? Grant(.reader, names: item.text)) != nil) == allowed, "\(item.testDescription)")
        }
        #expect(
            try registry.accounts().map(\.name)
                == users.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        )
        let noted = try AuditLog(store.session).entries(since: nil, limit: 10_000).filter { $0.action == "user add" }
        #expect(noted.map { $0.subject ?? "" } == users)
    }

    @Test func `a role of PostgreSQL may be called anything that it may be called`() throws {
        let store = try ServedStore()
        let session = try store.session()
        try session.execute("CREATE TABLE public.canary AS SELECT 1 AS id")
        var roles = 0
        for item in HostileText.all where !item.text.isEmpty && item.text.utf8.count <= 50 {
            // PostgreSQL keeps those to itself.
            guard !item.text.unicodeScalars.contains("\0"), !item.text.hasPrefix("pg_") else { continue }
            let name = item.text + "#\(roles)"
            roles += 1
            let role = SQLText.identifier(name)
            try session.execute("CREATE ROLE \(role)")
            for kind in RoleGrants.allCases {
                try session.execute(RoleGrants.statements(of: [kind], for: name).joined(separator: "\n"))
            }
            let rights = try session.query(
                "SELECT has_table_privilege($1, 'asof.model_versions', 'UPDATE'), has_database_privilege($1, current_database(), 'CREATE')",
                [.text(name)]
            )
            #expect(rights.bool(0, 0) == true && rights.bool(0, 1) == true, "\(item.testDescription)")
            try session.execute("DROP OWNED BY \(role); DROP ROLE \(role)")
        }
        #expect(roles >= 100)
        #expect(try session.query("SELECT id FROM public.canary").int64(0, 0) == 1)
        // What cannot be a role's name is no argument of the command.
        for name in ["", String(repeating: "x", count: 64)] {
            let refused = try AsofBinary.run(["grant-sql", name, "reader"], in: "/tmp")
            #expect(refused.status != 0 && refused.out.isEmpty && !refused.error.isEmpty)
        }
    }
}
