import CLibPQ
import Glibc
import Testing

@testable import Postgres

/// A folder of its own below /tmp, which PostgreSQL's user can enter; removed, with its server stopped, at the end.
final class Scratch: Sendable {
    let path: String

    init(name: String = "") {
        var template = Array("/tmp/asof-scratch-XXXXXX".utf8CString)
        mkdtemp(&template)
        let base = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(base, 0o755)
        path = base + name
        if !name.isEmpty { _ = try? Subprocess.run(["/bin/mkdir", "-p", path], seconds: 10) }
    }

    deinit {
        if let cluster = try? EmbeddedCluster.find(from: path) { try? cluster.stop() }
        let base = path.split(separator: "/").prefix(2).joined(separator: "/")
        _ = try? Subprocess.run(["/bin/rm", "-rf", "/" + base], seconds: 60)
    }
}

/// Asks a server one question.
func ask(_ conninfo: String, _ sql: String) -> String {
    let connection = PQconnectdb(conninfo)
    defer { PQfinish(connection) }
    guard PQstatus(connection) == CONNECTION_OK else { return String(cString: PQerrorMessage(connection)) }
    let result = PQexec(connection, sql)
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_TUPLES_OK, let value = PQgetvalue(result, 0, 0) else {
        return String(cString: PQerrorMessage(connection))
    }
    return String(cString: value)
}

/// Waits until something is so; false when it is not within the time.
func eventually(seconds: Double = 20, _ condition: () -> Bool) -> Bool {
    var deadline = Deadline(seconds: seconds)
    repeat { if condition() { return true } } while deadline.pause()
    return false
}

/// The built `asof`: `ASOF_BINARY`, else the one beside the test bundle.
let asofBinary: String = {
    if let path = environmentValue("ASOF_BINARY") { return path }
    // The test runner is given the bundle's path as an argument.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/asof"
}()

func supervision(idle: Double = 60) -> EmbeddedCluster.Supervision {
    EmbeddedCluster.Supervision(executable: asofBinary, idleSeconds: idle)
}

@Suite(.serialized)
struct EmbeddedClusterTests {
    @Test func `a new cluster is found, starts and answers`() throws {
        let scratch = Scratch()
        let made = try EmbeddedCluster.create(in: scratch.path)
        let found = try #require(try EmbeddedCluster.find(from: scratch.path))
        #expect(found == made)
        #expect(try made.status().server == .stopped)
        let running = try found.open(supervision())
        #expect(ask(running.conninfo, "SELECT current_database() || current_user") == "asofasof")
        #expect(ask(running.conninfo, "SHOW server_encoding") == "UTF8")
        #expect(ask(running.conninfo, "SHOW max_wal_size") == "4GB")
        #expect(try found.status().server == .running)
        #expect(try found.status().isSupervised)
    }
}
