import CLibPQ
import Glibc
import Synchronization
import TestSupport

@testable import EmbeddedPostgres
@testable import Postgres

/// A folder of its own, which PostgreSQL's user can enter; removed, with its server stopped, at the end.
final class Scratch: Sendable {
    let path: String
    private let base: String

    init(name: String = "") {
        var template = Array("\(TestRun.parent)/asof-scratch-XXXXXX".utf8CString)
        mkdtemp(&template)
        base = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(base, 0o755)
        path = base + name
        if !name.isEmpty { _ = try? Subprocess.run(["/bin/mkdir", "-p", path], seconds: 10) }
    }

    deinit {
        if let cluster = try? EmbeddedCluster.find(from: path) {
            do { try cluster.stop() } catch { print("a test left its cluster in use: \(error)") }
        }
        _ = try? Subprocess.run(["/bin/rm", "-rf", base], seconds: 60)
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
func eventually(seconds: Double = 120, _ condition: () -> Bool) -> Bool {
    var deadline = Deadline(seconds: seconds)
    repeat { if condition() { return true } } while deadline.pause()
    return false
}

/// The built `asof`: `ASOF_BINARY`, else the one beside the test bundle.
let asofBinary: String = {
    if let path = environmentValue("ASOF_BINARY") { return path }
    // The test runner is given the bundle's path as an argument.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    let absolute = (try? resolvedPath(bundle)) ?? bundle
    return absolute.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/asof"
}()

func supervision(idle: Double = 60) -> EmbeddedCluster.Supervision {
    EmbeddedCluster.Supervision(executable: asofBinary, idleSeconds: idle)
}

/// The process of a cluster's supervisor.
func supervisorProcess(of cluster: EmbeddedCluster) -> Int32? {
    folderEntries("/proc").compactMap { Int32($0) }.first { pid in
        readText("/proc/\(pid)/cmdline")?.contains("_supervise\0\(cluster.location.home)\0") ?? false
    }
}

/// How often the server of a cluster was started, by its log.
func starts(of cluster: EmbeddedCluster) -> Int {
    (readText(cluster.location.log, limit: 1 << 20) ?? "").split(separator: "\n")
        .count { $0.contains("LOG:  starting PostgreSQL") }
}

extension EmbeddedCluster {
    /// The server's process number while it runs.
    var serverPid: Int32? { try? status().pid }

    func isStopped() -> Bool { (try? status().server) == .stopped }
}

/// Runs something on so many threads at once and collects what each says.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> String) -> [String] {
    let results = Results(count)
    var threads: [pthread_t] = []
    for number in 0..<count {
        let box = Unmanaged.passRetained(Results.Job { results.set(number, body(number)) })
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { pointer in
                guard let pointer else { return nil }
                Unmanaged<Results.Job>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            },
            box.toOpaque()
        )
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    return results.all
}

private final class Results: Sendable {
    final class Job: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private let values: Mutex<[String]>

    init(_ count: Int) { values = Mutex(Array(repeating: "", count: count)) }

    func set(_ index: Int, _ value: String) { values.withLock { $0[index] = value } }

    var all: [String] { values.withLock { $0 } }
}
