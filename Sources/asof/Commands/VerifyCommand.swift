import ArgumentParser
import Columnar
import Features
import Foundation
import PointInTime
import Store

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Make a training set again and compare.",
        usage: "asof verify <manifest> [<options>]",
        discussion: """
            The spine is taken from the exported file's own columns, the state from the manifest's position, the rules \
            (TTL, delay, strict) as they were then.

            Where history was dropped or an entity forgotten since, a set that did not need it is still equal; one that \
            did could not be checked, and the reason is named.

            Exit codes: 0 equal, 1 different, 2 could not be checked.
            """
    )

    @Argument(help: "The manifest: FILE.manifest.json")
    var manifest: String
    @Flag(name: [.short, .long], help: "Print only what is wrong.")
    var quiet = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let outcome: Outcome
        let described: Manifest
        do {
            described = try readManifest()
            outcome = try compare(described)
        } catch {
            Console.writeError("asof: \(manifest) could not be checked: \(error)")
            throw ExitCode(2)
        }
        if let difference = outcome.difference {
            // A file that is what the manifest says, and which history no longer gives, is not at fault.
            guard outcome.removals.isEmpty || !outcome.isFileIntact else {
                let reasons = outcome.removals.map(\.text).joined(separator: "; ")
                Console.writeError(
                    "asof: \(manifest) could not be checked: \(described.output.file) is what was exported, but history "
                        + "no longer gives it: \(reasons). First difference: \(difference)"
                )
                throw ExitCode(2)
            }
            Console.writeError("asof: \(described.output.file) is different: \(difference)")
            throw ExitCode(1)
        }
        guard !quiet else { return }
        Console.write(
            "\(described.output.file) is what position \(described.store.position) gives: "
                + "\(Console.count(described.rows, "row")), \(described.contentDigest)"
        )
        for removal in outcome.removals { Console.write("note: \(removal.text); this set did not need it") }
    }

    /// How a comparison ended.
    private struct Outcome {
        /// The first one; `nil` where there is none.
        var difference: String?
        /// Whether the file's own content is what the manifest says; known only where history has lost something.
        var isFileIntact = false
        /// What history has lost since.
        var removals: [Removal]
    }

    private func readManifest() throws -> Manifest {
        guard let data = FileManager.default.contents(atPath: manifest) else {
            throw CommandError("there is no such file, or it cannot be read")
        }
        return try Manifest(json: String(decoding: data, as: UTF8.self), path: manifest)
    }

    private func compare(_ described: Manifest) throws -> Outcome {
        TableWriter.keepMemory()
        TableWriter.limitThreads(engine.threadCount)
        let open = try store.open(forWriting: false)
        let spec = try described.spec(open.session)
        guard let format = FileFormat(name: described.output.format) else {
            throw CommandError("the manifest names an unknown format '\(described.output.format)'")
        }
        let path = URL(fileURLWithPath: manifest).deletingLastPathComponent()
            .appendingPathComponent(described.output.file).path
        let reader = try TableReader(path: path, format: format, options: ReadOptions())
        let missing = spec.columns.filter { column in !reader.sourceColumns.contains { $0.name == column.name } }
        let removals = try described.removals(open.session)
        if let column = missing.first {
            return Outcome(difference: "the file has no column '\(column.name)'", removals: removals)
        }
        try reader.select(spec.columns.map { ColumnRequest(sourceName: $0.name, type: $0.type) })
        var blocks = try SpineBlocks(reader)
        let join = try TrainingSetJoin(
            spec,
            sessions: try open.sessions(2),
            engine: try engine.request(open, spineRows: blocks.rowCount),
            measures: false
        )
        let spineCount = spec.spine.count
        let personal = spec.plan.sources.indices.filter { index in
            let source = spec.plan.sources[index]
            return spec.plan.roles[source.role].features[source.feature].isPII
        }.map { $0 + spineCount }
        var fileDigest = ContentDigest(names: spec.columns.map(\.name), types: spec.columns.map(\.type))
        var difference: String?
        while let batch = try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) {
            if !removals.isEmpty { fileDigest.update(batch.columns, rowCount: batch.rowCount) }
            if difference != nil { continue }
            let first = join.rowCount
            let spine = ColumnBatch(
                names: Array(batch.names[..<spineCount]),
                columns: Array(batch.columns[..<spineCount]),
                rowCount: batch.rowCount
            )
            let made = try join.join(spine)
            difference = Self.firstDifference(batch, made, firstRow: first + 1, hiding: Set(personal))
            if difference != nil && removals.isEmpty { break }
        }
        try join.finish()
        for warning in join.warnings { Console.writeError("WARNING: \(warning)") }
        return Outcome(
            difference: difference ?? Self.difference(join, described),
            isFileIntact: !removals.isEmpty && fileDigest.text == described.contentDigest,
            removals: removals
        )
    }

    private static func difference(_ join: TrainingSetJoin, _ described: Manifest) -> String? {
        if join.rowCount != described.rows {
            return "the file has \(join.rowCount) rows, the manifest \(described.rows)"
        }
        if join.spineDigest.text != described.spine.digest {
            return "the spine's columns are not those that were exported"
        }
        if join.contentDigest.text != described.contentDigest {
            return "the content digest is \(join.contentDigest.text), the manifest's is \(described.contentDigest)"
        }
        return nil
    }

    /// Compares by the content digest's bytes: every NaN is one, zero has two signs, texts are what their bytes are.
    ///
    /// - Parameter personal: columns whose values are not shown.
    private static func firstDifference(
        _ file: ColumnBatch,
        _ made: ColumnBatch,
        firstRow: Int,
        hiding personal: Set<Int>
    ) -> String? {
        for start in stride(from: 0, to: made.rowCount, by: CanonicalRows.chunkRows) {
            let rows = start..<min(made.rowCount, start + CanonicalRows.chunkRows)
            guard bytes(of: file.columns, rows) != bytes(of: made.columns, rows) else { continue }
            for row in rows {
                for (index, (got, (expected, name))) in zip(file.columns, zip(made.columns, made.names)).enumerated()
                where bytes(of: [got], row..<row + 1) != bytes(of: [expected], row..<row + 1) {
                    if personal.contains(index) {
                        return "row \(firstRow + row), column '\(name)': the values differ, and are not shown (pii)"
                    }
                    return "row \(firstRow + row), column '\(name)': the file has \(got.value(row).json), "
                        + "history gives \(expected.value(row).json)"
                }
            }
        }
        return nil
    }

    private static func bytes(of columns: [Column], _ rows: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        CanonicalRows.withBytes(of: columns, rows: rows) { bytes = Array($0) }
        return bytes
    }
}
