import ArgumentParser
import Foundation
import Workflows

/// Where the segments are.
struct SegmentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The directory of segments, or s3://BUCKET/KEY. Default: ASOF_SEGMENTS, asof-data/segments, or ./asof-segments for another store.",
            valueName: "dir"
        )
    )
    var segments: String?

    var location: SegmentLocation {
        let usual = ProcessInfo.processInfo.environment["ASOF_SEGMENTS"]
        return SegmentLocation(named: segments, usual: usual.flatMap { $0.isEmpty ? nil : $0 })
    }
}
