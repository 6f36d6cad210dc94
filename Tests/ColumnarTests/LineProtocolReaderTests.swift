import Features
import PointInTime
import Testing
import Wire

@testable import Columnar

/// A file of line protocol as `asof ingest` reads it: a piece at a time.
@Suite struct LineProtocolReaderTests {
    private static func names(_ count: Int, _ name: String) -> String {
        (0..<count).map { "\(name)\($0)=1" }.joined(separator: ",")
    }

    /// Each with the points that it has, and how many of them are bad.
    static let files: [(name: String, text: @Sendable () -> String, points: Int, bad: Int)] = [
        ("a point of 60,000 tags", { "v x=1i\nv,\(names(60_000, "t")) x=1i\nv x=2i\n" }, 3, 1),
        ("a point of 60,000 fields", { "v x=1i\nv \(names(60_000, "f"))\nv x=2i\n" }, 3, 1),
        ("60,000 times the same tag", { "v" + String(repeating: ",a=b", count: 60_000) + " x=1i\nv x=1i" }, 2, 1),
        ("a name of 1 MiB", { "v x=1i\nv,t=" + String(repeating: "a", count: 1 << 20) + " x=1i\nv x=2i\n" }, 3, 1),
        ("a time of 1 MiB", { "v x=1i " + String(repeating: "1", count: 1 << 20) + "\nv x=2i\n" }, 2, 1),
        ("20,000 points", { String(repeating: "v x=1i 5\n", count: 20_000) }, 20_000, 0),
    ]

    @Test(arguments: files.indices, [100, 256 << 10])
    func `each byte is looked at a few times, however long its line is and in whatever pieces it comes`(
        index: Int,
        chunkBytes: Int
    ) throws {
        let file = Self.files[index]
        let text = file.text()
        var options = InputOptions()
        options.skipsBadRows = true
        options.allowsEarly1970 = true
        options.chunkBytes = chunkBytes
        let features = [FeatureDefinition(name: "x", type: .int64)]
        let scratch = try Scratch()
        let reader = try LineProtocolReader(
            path: try scratch.file("points.lp", text: text),
            views: [ViewDefinition(name: "v", entities: [], keys: [], features: features)],
            precision: .ns,
            options: options
        )
        var (good, bad) = (0, 0)
        while try reader.next(now: 77) {
            good += reader.parts.reduce(0) { $0 + $1.offsets.count }
            bad += reader.rejects.count
        }
        #expect(good == file.points - file.bad && bad == file.bad, "\(file.name)")
        #expect(reader.scannedBytes >= text.utf8.count)
        #expect(
            reader.scannedBytes <= 4 * text.utf8.count,
            "\(file.name): \(reader.scannedBytes) of \(text.utf8.count)"
        )
    }
}
