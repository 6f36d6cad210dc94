import Foundation
import TestSupport
import Testing

/// What commands say where there is no store, or none that can be reached.
@Suite struct BadStoreTests {
    struct Place: Sendable, CustomTestStringConvertible {
        let name: String
        let database: String?
        let says: [String]
        var testDescription: String { name }
    }

    static let places: [Place] = [
        Place(
            name: "no store in this folder",
            database: nil,
            says: ["no store here", "asof init", "-d postgresql://"]
        ),
        Place(
            name: "a server that is down",
            database: "postgresql://127.0.0.1:1/x",
            says: ["PostgreSQL: ", "127.0.0.1", "port 1", "Connection refused"]
        ),
        Place(name: "a socket folder that is not", database: "host=/none dbname=x", says: ["PostgreSQL: ", "/none"]),
        // What of it is wrong may be a part of a password.
        Place(
            name: "an unknown connection option",
            database: "sever=localhost",
            says: ["PostgreSQL: ", "neither a URI", "host=… dbname=…"]
        ),
        Place(name: "a broken URI", database: "postgresql://[::1/x", says: ["PostgreSQL: ", "neither a URI"]),
    ]

    private static let commands = [
        ["views"], ["ingest", "stats", "x.csv"], ["get", "stats", "1"], ["log"], ["check"],
    ]

    @Test(arguments: places) func `a store that is not there is said to be missing`(_ place: Place) throws {
        let scratch = try Scratch()
        _ = try scratch.write("x.csv", "user_id,event_time\n")
        for command in Self.commands {
            let database = place.database.map { ["-d", $0] } ?? []
            let output = try AsofBinary.run(command + database, in: scratch.path)
            #expect(output.status == 1)
            #expect(output.out.isEmpty)
            for part in place.says { #expect(output.error.contains(part)) }
        }
        // Nobody made a store by accident.
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["x.csv"])
    }

    @Test func `a database without a store is left as it is`() throws {
        let scratch = try Scratch()
        let conninfo = try ThrowawayCluster.shared().database()
        for command in Self.commands {
            let output = try AsofBinary.run(command, in: scratch.path, environment: ["ASOF_DATABASE": conninfo])
            #expect(output.status == 1)
            #expect(output.error.contains("has no Asof store"))
            #expect(output.error.contains("asof init"))
        }
        let absent = try AsofBinary.run(["views", "-d", conninfo + "none"], in: scratch.path)
        #expect(absent.status == 1)
        #expect(absent.error.contains("does not exist"))
    }
}
