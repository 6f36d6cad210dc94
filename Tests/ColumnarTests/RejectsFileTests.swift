import Foundation
import TestSupport
import Testing

@testable import Columnar

/// What a killed run leaves of the files for rejected rows.
@Suite struct RejectsFileTests {
    private static let header = Array("a,b".utf8)
    private static let rejects: [(row: Int, reject: RejectedRow)] = (1...4).map { number in
        (
            number * 10,
            RejectedRow(
                offset: 0,
                line: number,
                column: number == 2 ? nil : "b",
                reason: "no \"number\", got x,\n\(number)",
                text: Array("\(number),x\(String(repeating: "y", count: number))".utf8)
            )
        )
    }

    private let scratch: Scratch
    private var path: String { scratch.path + "/bad" }
    private var reasonsPath: String { RejectsFile.reasonsPath(path) }

    init() throws { scratch = try Scratch() }

    private func open(_ keptRows: Int, source: String = "rows.csv") throws -> RejectsFile {
        try RejectsFile(path: path, source: source, header: Self.header, keptRows: keptRows)
    }

    private func put(_ rows: Data?, _ reasons: Data?) throws {
        for (path, bytes) in [(path, rows), (reasonsPath, reasons)] {
            try? FileManager.default.removeItem(atPath: path)
            try bytes?.write(to: URL(fileURLWithPath: path))
        }
    }

    private func read() throws -> (rows: Data, reasons: Data) {
        (try Data(contentsOf: URL(fileURLWithPath: path)), try Data(contentsOf: URL(fileURLWithPath: reasonsPath)))
    }

    /// Both files with the first `count` rejects.
    private func written(_ count: Int) throws -> (rows: Data, reasons: Data) {
        try put(nil, nil)
        try open(0).append(Array(Self.rejects[..<count]))
        return try read()
    }

    @Test func `killed at any byte of an append, a run that goes on leaves both files as they should be`() throws {
        for stored in [1, 2, 3] {
            let (before, after) = (try written(stored), try written(4))
            // The reasons are written first, then the rows.
            var states: [(Data, Data)] = []
            for size in before.reasons.count...after.reasons.count {
                states.append((before.rows, after.reasons.prefix(size)))
            }
            for size in before.rows.count...after.rows.count { states.append((after.rows.prefix(size), after.reasons)) }
            for (rows, reasons) in states {
                try put(rows, reasons)
                try open(stored * 10 + 5).append(Array(Self.rejects[stored...]))
                let made = try read()
                #expect(made == after, "\(stored) stored, \(rows.count) and \(reasons.count) bytes")
            }
        }
    }

    @Test func `killed at any byte of the first append, likewise`() throws {
        let after = try written(2)
        var states: [(Data?, Data)] = []
        for size in 0...Self.reasonsHeaderBytes { states.append((nil, after.reasons.prefix(size))) }
        for size in 0...Self.header.count + 1 {
            states.append((after.rows.prefix(size), after.reasons.prefix(Self.reasonsHeaderBytes)))
        }
        for size in Self.reasonsHeaderBytes...after.reasons.count {
            states.append((after.rows.prefix(Self.header.count + 1), after.reasons.prefix(size)))
        }
        for (rows, reasons) in states {
            try put(rows, reasons)
            try open(0).append(Array(Self.rejects[..<2]))
            let made = try read()
            #expect(made == after, "\(rows?.count ?? -1) and \(reasons.count) bytes")
        }
    }

    private static let reasonsHeaderBytes = "source,row,line,column,reason,bytes\n".utf8.count

    @Test func `files that somebody changed are refused and left as they are`() throws {
        let whole = try written(4)
        let longer = whole.rows + Data("5,5\n".utf8)
        for (rows, reasons, kept) in [
            (longer, whole.reasons, 45), (longer, whole.reasons, 15), (whole.rows.dropLast(3), whole.reasons, 45),
            (whole.rows, Data("something else\n".utf8), 45), (whole.rows.prefix(8), whole.reasons, 25),
            // Shortened within what is kept, while rows behind it are not stored yet.
            (whole.rows.prefix(5) + whole.rows.dropFirst(7), whole.reasons, 15),
            (whole.rows, Data(String(decoding: whole.reasons, as: UTF8.self).replacing("\n", with: "\r\n").utf8), 45),
            (whole.rows, whole.reasons.prefix(60), 45),
        ] {
            try put(rows, reasons)
            #expect(throws: ColumnarError.self) { _ = try open(kept) }
            let left = try read()
            #expect(left == (rows, reasons), "\(kept)")
        }
        try put(whole.rows, whole.reasons)
        #expect(throws: ColumnarError.self) { _ = try open(45, source: "other.csv") }
    }
}
