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
        let list = try open.listSegments(views, in: { try segments.location.require(open) }, format: ParquetSegments())
        if json {
            for entry in list.entries { Console.write(Self.json(entry)) }
            return
        }
        var table = TextTable(
            ["view", "from", "to", "rows", "size", "position", "state", "file"],
            rightAligned: [3, 4, 5]
        )
        for entry in list.entries {
            let (segment, range) = (entry.listing.segment, entry.listing.segment.range)
            table.append([
                entry.view.name, range.from.map(Self.day) ?? "-", range.to.map(Self.day) ?? "-",
                CountText.grouped(segment.rows), Console.size(segment.written.bytes), String(segment.state.position),
                entry.listing.fault ?? "ok", segment.file,
            ])
        }
        Console.write(list.entries.isEmpty ? "no segments in \(list.directory.root)" : table.text)
    }

    /// A partition's bound, which is midnight.
    private static func day(_ microseconds: Int64) -> String {
        String(Timestamp(microseconds: min(microseconds, Timestamp.latest.microseconds)).text.prefix(10))
    }

    private static func json(_ entry: SegmentList.Entry) -> String {
        let segment = entry.listing.segment
        func time(_ microseconds: Int64?) -> Value {
            microseconds.map { .timestamp(Timestamp(microseconds: min($0, Timestamp.latest.microseconds))) } ?? .null
        }
        return JSONObject([
            ("view", .string(entry.view.name)), ("file", .string(entry.path)),
            ("from", time(segment.range.from)), ("to", time(segment.range.to)), ("rows", .int64(segment.rows)),
            ("bytes", .int64(segment.written.bytes)),
            ("etag", segment.written.etag.isEmpty ? .null : .string(segment.written.etag)),
            ("position", .int64(segment.state.position)),
            ("min_event_time", .timestamp(segment.eventTimes.lowerBound)),
            ("max_event_time", .timestamp(segment.eventTimes.upperBound)),
            ("created_at", .timestamp(segment.createdAt)),
            ("fault", entry.listing.fault.map { .string($0) } ?? .null),
        ]).text
    }
}
