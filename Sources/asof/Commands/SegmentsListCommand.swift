import ArgumentParser
import Columnar
import Features
import PointInTime
import Segments
import Store
import Workflows

struct SegmentsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the files that the store knows of in this directory.",
        discussion: """
            position: the file has its partition's rows up to there. state: whether a scan would read it, as far as that \
            is known without reading it.
            """
    )

    @Argument(help: "The views; none = all.")
    var views: [String] = []
    @OptionGroup var segments: SegmentOptions
    @Flag(help: "Print one JSON object a file.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: false)
        let registry = try Registry.load(open.session)
        let chosen = try registry.views(named: views)
        let directory = try segments.location.require(open)
        var table = TextTable(
            ["view", "from", "to", "rows", "size", "position", "state", "file"],
            rightAligned: [3, 4, 5]
        )
        var isEmpty = true
        for view in chosen {
            for entry in try SegmentListing.read(view, in: directory, format: ParquetSegments(), open.session) {
                isEmpty = false
                if json {
                    Console.write(Self.json(view, entry, directory))
                    continue
                }
                let range = entry.segment.range
                table.append([
                    view.name, range.from.map(Self.day) ?? "-", range.to.map(Self.day) ?? "-",
                    Console.grouped(entry.segment.rows), Console.size(entry.segment.written.bytes),
                    String(entry.segment.state.position), entry.fault ?? "ok", entry.segment.file,
                ])
            }
        }
        if !json { Console.write(isEmpty ? "no segments in \(directory.root)" : table.text) }
    }

    /// A partition's bound, which is midnight.
    private static func day(_ microseconds: Int64) -> String {
        String(Timestamp(microseconds: min(microseconds, Timestamp.latest.microseconds)).text.prefix(10))
    }

    private static func json(_ view: StoredView, _ entry: SegmentListing, _ directory: SegmentDirectory) -> String {
        let segment = entry.segment
        func time(_ microseconds: Int64?) -> Value {
            microseconds.map { .timestamp(Timestamp(microseconds: min($0, Timestamp.latest.microseconds))) } ?? .null
        }
        return JSONObject([
            ("view", .string(view.name)), ("file", .string(directory.path(segment))),
            ("from", time(segment.range.from)), ("to", time(segment.range.to)), ("rows", .int64(segment.rows)),
            ("bytes", .int64(segment.written.bytes)), ("position", .int64(segment.state.position)),
            ("min_event_time", .timestamp(segment.eventTimes.lowerBound)),
            ("max_event_time", .timestamp(segment.eventTimes.upperBound)),
            ("created_at", .timestamp(segment.createdAt)),
            ("fault", entry.fault.map { .string($0) } ?? .null),
        ]).text
    }
}
