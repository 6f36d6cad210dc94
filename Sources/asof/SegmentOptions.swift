import ArgumentParser
import EmbeddedPostgres
import Foundation
import Segments
import Store
import Workflows

/// Where the segments are.
struct SegmentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The directory of segments. Default: ASOF_SEGMENTS, asof-data/segments, or ./asof-segments for another store.",
            valueName: "dir"
        )
    )
    var segments: String?

    /// The directory's path, absolute.
    func path(_ store: OpenStore) -> String {
        let environment = ProcessInfo.processInfo.environment["ASOF_SEGMENTS"]
        let embedded = store.segmentsFolder
        let named = segments ?? environment.flatMap { $0.isEmpty ? nil : $0 }
        return URL(fileURLWithPath: named ?? embedded ?? "asof-segments").path
    }

    /// The directory, made where there is none.
    func make(_ store: OpenStore) throws -> SegmentDirectory {
        try SegmentDirectory.make(path(store), storeID: try store.session.storeID())
    }

    /// The directory; `nil` where there is none at the default place, or, with a warning, one that is of no use.
    /// - Throws: where one was named and is not there, or of no use.
    func find(_ store: OpenStore) throws -> SegmentDirectory? {
        do {
            if let directory = try open(store) { return directory }
        } catch let error as StoreError where segments == nil {
            Console.writeError("WARNING: segments are not read: \(error). PostgreSQL is read instead")
            return nil
        }
        try refuseIfNamed(store)
        return nil
    }

    /// The directory, for a command that is about nothing else.
    func require(_ store: OpenStore) throws -> SegmentDirectory {
        if let directory = try open(store) { return directory }
        try refuseIfNamed(store)
        throw WorkflowError.refused("there are no segments in \(path(store)); make them with `asof segments build`")
    }

    private func refuseIfNamed(_ store: OpenStore) throws {
        guard segments != nil else { return }
        let path = path(store)
        throw WorkflowError.refused(
            "\(path) is no directory of segments; make one with `asof segments build --segments \(path)`"
        )
    }

    private func open(_ store: OpenStore) throws -> SegmentDirectory? {
        try SegmentDirectory.open(path(store), storeID: try store.session.storeID())
    }
}

/// An amount of memory, such as 2GiB.
enum MemoryArgument {
    /// - Throws: a usage error where `text` is no amount.
    static func parse(_ text: String, option: String) throws -> Int {
        let units = ["B": 0, "K": 10, "KB": 10, "KiB": 10, "M": 20, "MB": 20, "MiB": 20, "G": 30, "GB": 30, "GiB": 30]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int(digits), let shift = units[unit.isEmpty ? "B" : unit], number > 0,
            number <= Int.max >> shift
        else { throw ValidationError("\(option) '\(text)': expected an amount such as 512MiB or 2GiB") }
        return number << shift
    }
}
