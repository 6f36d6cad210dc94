import EmbeddedPostgres
import Foundation
import Glibc
import TestSupport
import Testing

/// A store that `asof init` made, under a server: its PostgreSQL ends, and `asof stop`.
@Suite(.serialized)
struct EmbeddedStoreTests {
    private static let definitions = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { clicks: int64 } }
        """

    /// A folder with a store, whose PostgreSQL is ended with it.
    private final class Place {
        let scratch: Scratch
        let cluster: EmbeddedCluster

        init() throws {
            scratch = try Scratch()
            chmod(scratch.path, 0o755)
            let made = try AsofBinary.run(["init"], in: scratch.path)
            #expect(made.status == 0, "\(made.error)")
            _ = try scratch.write("features.yaml", EmbeddedStoreTests.definitions)
            let applied = try AsofBinary.run(["apply", "--yes"], in: scratch.path)
            #expect(applied.status == 0, "\(applied.error)")
            cluster = try #require(try EmbeddedCluster.find(from: scratch.path))
        }

        func asof(_ arguments: String..., environment: [String: String] = [:]) throws -> AsofBinary.Output {
            try AsofBinary.run(arguments, in: scratch.path, environment: environment)
        }

        deinit { try? cluster.stop(waiting: 5) }
    }

    @Test func `a server whose PostgreSQL is killed has it back, and takes writes again`() throws {
        let place = try Place()
        let served = try ServedAsof([], in: place.scratch.path)
        let client = try served.client()
        let written = try Patience.wait(seconds: 60) {
            guard case .integer = try client.run("FS.SET", "stats", "1", "*", "clicks", "1") else { return false }
            return true
        }
        #expect(written)
        for round in 2...3 {
            let pid = try #require(try place.cluster.status().pid)
            kill(pid, SIGKILL)
            // What served the server's sessions may live for a moment.
            let isAnother = try Patience.wait(seconds: 60) {
                guard let now = try place.cluster.status().pid else { return false }
                return now != pid
            }
            #expect(isAnother)
            let isBack = try Patience.wait(seconds: 60) {
                guard case .integer = try client.run("FS.SET", "stats", "1", "*", "clicks", "\(round)") else {
                    return false
                }
                return true
            }
            #expect(isBack)
            #expect(try client.run("FS.GET", "stats", "1") == .array([.bulk("clicks"), .integer(Int64(round))]))
        }
        let output = served.stop()
        #expect(output.status == 0)
        let told = output.error.components(separatedBy: "the store's PostgreSQL had ended; started again in").count
        #expect(told == 3, "\(output.error)")
    }

    @Test func `stop ends servers and PostgreSQL, and says what was stopped`() throws {
        let place = try Place()
        let served = try ServedAsof([], in: place.scratch.path)
        let pid = try #require(try place.cluster.status().pid)
        let stopped = try place.asof("stop")
        #expect(stopped.status == 0, "\(stopped.error)")
        #expect(stopped.out == "stopped asof serve (process \(served.pid)), PostgreSQL (process \(pid))\n")
        #expect(try place.cluster.status().server == .stopped)
        served.running.waitUntilExit()
        #expect(served.running.output().status == 0)
        let again = try place.asof("stop")
        #expect(again.status == 0 && again.out == "nothing of \(place.cluster.location.folder) runs\n", "\(again.out)")
        // The next command finds the store as it was.
        #expect(try place.asof("views").out.contains("stats"))
    }

    @Test func `stop leaves everything alone while another command works`() throws {
        let place = try Place()
        let served = try ServedAsof([], in: place.scratch.path)
        let waiting = try AsofBinary.start(
            ["ingest", "stats", "-", "--format", "csv"],
            in: place.scratch.path,
            shell: "mkfifo pipe; exec 9<>pipe; exec \"$0\" \"$@\" <pipe"
        )
        defer {
            waiting.process.terminate()
            waiting.waitUntilExit()
            _ = waiting.output()
        }
        let number = waiting.process.processIdentifier
        #expect(
            Patience.wait(seconds: 60) { place.cluster.users().contains { $0.pid == number && $0.command == "ingest" } }
        )
        let refused = try place.asof("stop")
        #expect(refused.status == 1)
        #expect(
            refused.error
                == "asof: \(place.cluster.location.folder) is in use by asof ingest (process \(number)); end that first; "
                + "nothing was stopped\n"
        )
        #expect(served.isRunning)
    }

    @Test func `stop says why it cannot: no store here, or another's database`() throws {
        let scratch = try Scratch()
        let none = try AsofBinary.run(["stop"], in: scratch.path)
        #expect(none.status == 1 && none.error.contains("there is no folder asof-data in"), "\(none.error)")
        let named = try AsofBinary.run(["stop"], in: scratch.path, environment: ["PGHOST": "db.example"])
        #expect(named.status == 1 && named.error.contains("PGHOST names the store's database"), "\(named.error)")
        let wrong = try AsofBinary.run(["stop", "--seconds", "0"], in: scratch.path)
        #expect(wrong.status == 2 && wrong.error.contains("--seconds: expected 1 to 3600"), "\(wrong.error)")
    }
}
