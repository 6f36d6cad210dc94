import Columnar
import Features
import Foundation
import Store
import TestSupport

@testable import Workflows

/// A store with history of January and February 2024, and a folder for spines and training sets.
struct TrainingSetStore {
    let store: TestStore
    let scratch: Scratch

    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views: { stats: { entities: [user], features: { n: int64, x: float64, secret: { type: string, pii: true } } } }
        """

    init() throws {
        store = try TestStore(Self.yaml)
        scratch = try Scratch()
        for (time, n) in [("2024-01-01", 1), ("2024-01-10", 2), ("2024-02-20", 3)] {
            try ingest(time, n)
        }
        _ = try scratch.write(
            "spine.csv",
            """
            user_id,at,label
            1,2024-01-05T00:00:00Z,1.50
            2,2024-01-12T00:00:00Z,TRUE
            1,2024-03-01T00:00:00Z,
            9,2024-03-01T00:00:00Z,x

            """
        )
    }

    /// One commit: users 1 and 2 have `n` at that day.
    func ingest(_ day: String, _ n: Int) throws {
        let at = try Timestamp(text: day + "T00:00:00Z").microseconds
        try store.ingest(
            "stats",
            [1, 2].map { user in
                HistoryRow(
                    [.int64(user)],
                    at: at,
                    [.int64(Int64(n)), .float64(Double(n) / 2), .string("s\(user)\(n)")]
                )
            }
        )
    }

    func path(_ name: String) -> String { scratch.path + "/" + name }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// The folder's files, hidden ones as well.
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() }

    func open(_ control: RunControl = RunControl()) throws -> OpenStore {
        try OpenStore(store.conninfo, forWriting: false, control: control)
    }

    var spineFile: SpineSource { .file(path("spine.csv"), format: nil, InputOptions()) }

    func request(_ out: String = "out.csv", spine: SpineSource? = nil) throws -> ExportRequest {
        ExportRequest(
            spine: spine ?? spineFile,
            labelTime: "at",
            features: "stats.n,stats.x",
            target: try ExportTarget(path(out), format: nil, spine: path("spine.csv"))
        )
    }

    @discardableResult
    func export(_ request: ExportRequest) throws -> ExportResult { try open().export(request) }
}
