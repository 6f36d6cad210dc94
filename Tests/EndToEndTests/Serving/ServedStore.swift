import Features
import Foundation
import Glibc
import Postgres
import Store
import Synchronization
import TestSupport

/// What keeps a test from going on.
struct Trouble: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A store with servers on it.
final class ServedStore: Sendable {
    let conninfo: String
    let scratch: Scratch
    let registry: Registry

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          airport: { key: origin, type: string }
          tail: { key: tailnum, type: string }
        views:
          stats: { entities: [user], missing: 'null', features: { clicks: int64, ctr: float64, name: string } }
          pairs: { entities: [airport, tail], missing: 'null', features: { delay: float32, tags: list(string) } }
          marks: { entities: [user], features: { n: int64 } }
        services:
          model: [stats.clicks, stats.ctr, marks.n]
        """

    init(_ yaml: String = ServedStore.yaml, cluster: ThrowawayCluster? = nil) throws {
        let store = try TestStore(yaml, cluster: cluster)
        conninfo = store.conninfo
        registry = store.registry
        scratch = try Scratch()
    }

    /// Starts a server, and waits until it has loaded the latest values.
    func serve(_ arguments: [String] = []) throws -> ServedAsof {
        let served = try ServedAsof(["-d", conninfo] + arguments, in: scratch.path)
        let client = try served.client()
        let isLoaded = try Patience.wait(seconds: 60) {
            guard case .bulk(let info) = try client.run("INFO", "persistence") else { return false }
            return info.contains("loading:0")
        }
        guard isLoaded else { throw Trouble("the server still loads after 60 s") }
        return served
    }

    func asof(_ arguments: [String], input: String = "") throws -> AsofBinary.Output {
        try AsofBinary.run(arguments + ["-d", conninfo], in: scratch.path, input: input)
    }

    func view(_ name: String) throws -> StoredView { try registry.view(named: name) }

    func session() throws -> Session { try Session(conninfo: conninfo) }

    func number(_ sql: String) throws -> Int64 { try session().query(sql).int64(0, 0) ?? -1 }

    func head() throws -> Int64 { try Ledger(session()).head().position }
}

extension RespClient {
    /// A command given as a line with blanks between its words.
    func line(_ line: String) throws -> Reply {
        guard send(Self.request(line.split(separator: " ").map(String.init))) else {
            throw Trouble("the connection was lost while a command was sent")
        }
        return try reply()
    }
}

extension Reply {
    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

    /// What a value looks like as a reply of RESP3.
    init(_ value: Value) {
        func bytes(_ text: some Sequence<UInt8>) -> String {
            String(String.UnicodeScalarView(text.map { Unicode.Scalar($0) }))
        }
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int32(let value): self = .integer(Int64(value))
        case .int64(let value): self = .integer(value)
        case .float32(let value): self = .double(Self.spell(Double(value), "\(value)"))
        case .float64(let value): self = .double(Self.spell(value, "\(value)"))
        case .string(let text): self = .bulk(bytes(text.utf8))
        case .bytes(let value): self = .bulk(bytes(value))
        case .timestamp(let time): self = .integer(time.microseconds)
        case .vector(let values):
            self = .bulk(bytes(values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }))
        case .listInt64(let values): self = .array(values.map { .integer($0) })
        case .listString(let values): self = .array(values.map { .bulk(bytes($0.utf8)) })
        }
    }

    /// Whole numbers go without a point over the wire.
    private static func spell(_ value: Double, _ text: String) -> String {
        text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
