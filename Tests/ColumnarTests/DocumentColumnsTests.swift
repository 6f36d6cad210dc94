import Columnar
import Features
import Foundation
import PointInTime
import TestSupport
import Testing

/// Records into columns, beside a slow twin that reads each record by Foundation.
@Suite struct DocumentColumnsTests {
    private static func request(
        _ path: String,
        _ type: FeatureType = .int64,
        absentIsNull: Bool = false
    ) -> DocumentRequest {
        DocumentRequest(path: StreamPath(text: path) ?? StreamPath(.value, []), type: type, absentIsNull: absentIsNull)
    }

    private static func append(_ columns: inout DocumentColumns, _ value: String?, key: String? = nil) -> String? {
        let (value, key) = (value.map { Array($0.utf8) }, key.map { Array($0.utf8) })
        return columns.append(value: value?.span, key: key?.span)
    }

    @Test func `values are found by their paths, keys as texts or as JSON`() {
        var columns = DocumentColumns([
            Self.request("value.a.b"), Self.request("value.items[1].sku", .string), Self.request("key", .string),
            Self.request("key.id"), Self.request("value.list", .listInt64), Self.request("value.\"x.y\"", .float64),
        ])
        let value =
            #"{"more": {"a": 1}, "a": {"c": [], "b": 7}, "items": [{}, {"sku": "é\n"}], "list": [1, 2], "x.y": "NaN"}"#
        #expect(Self.append(&columns, value, key: #"{"id": 3}"#) == nil)
        let (found, faults) = columns.finish()
        #expect(faults.isEmpty)
        #expect(
            found.prefix(5).map { $0.value(0) } == [
                .int64(7), .string("é\n"), .string(#"{"id": 3}"#), .int64(3), .listInt64([1, 2]),
            ]
        )
        #expect("\(found[5].value(0))".contains("nan"))
    }

    @Test func `a tombstone has nulls, and so has what lies below a null`() {
        var columns = DocumentColumns([Self.request("value.a.b"), Self.request("key")])
        #expect(Self.append(&columns, nil, key: "5") == nil)
        #expect(Self.append(&columns, #"{"a": null}"#, key: "6") == nil)
        #expect(Self.append(&columns, #"{"a": {"b": 1}}"#) == nil)
        let (found, faults) = columns.finish()
        #expect(faults.isEmpty)
        #expect((0..<3).map { found[0].value($0) } == [.null, .null, .int64(1)])
        #expect((0..<3).map { found[1].value($0) } == [.int64(5), .int64(6), .null])
    }

    @Test(arguments: [
        ("", ""), ("{", ""), ("[]", "JSON object, got"), ("7", "JSON object, got"), (#"{"a": 1} x"#, "text follows"),
        (#"{"a": 1, "a": 2}"#, "stands twice"), (#"{"a": 01}"#, ""), (#"{"a": tru}"#, ""), ("{\"a\": \"\u{1}\"}", ""),
    ])
    func `what is no record is refused and leaves nothing behind`(value: String, reason: String) {
        var columns = DocumentColumns([Self.request("value.a"), Self.request("key", .string)])
        #expect(Self.append(&columns, #"{"a": 1}"#, key: "k") == nil)
        let refusal = Self.append(&columns, value, key: "bad")
        #expect(refusal.map { reason.isEmpty ? !$0.isEmpty : $0.contains(reason) } == true, "\(refusal ?? "taken")")
        #expect(Self.append(&columns, #"{"a": 3}"#, key: "l") == nil)
        let (found, faults) = columns.finish()
        #expect(faults.isEmpty && found[0].rowCount == 2)
        #expect([found[0].value(1), found[1].value(1)] == [.int64(3), .string("l")])
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        var columns = DocumentColumns([Self.request("value.a", .string)])
        let bytes: [UInt8] = Array(#"{"a": ""#.utf8) + [0xFF] + Array(#""}"#.utf8)
        #expect(columns.append(value: bytes.span, key: nil)?.contains("UTF-8") == true)
    }

    @Test func `faults name the path, the value and what was expected, values of pii are hidden`() {
        var columns = DocumentColumns([
            Self.request("value.a"),
            DocumentRequest(path: StreamPath(.value, [.member("b")]), type: .int32, isPII: true),
        ])
        #expect(Self.append(&columns, #"{"a": "x", "b": 1}"#) == nil)
        #expect(Self.append(&columns, #"{"b": 99999999999}"#) == nil)
        let (_, faults) = columns.finish()
        #expect(faults.map(\.row) == [0, 1, 1])
        #expect(faults[0].reason.hasPrefix("value.a is "))
        #expect(faults.contains { $0.reason.hasPrefix("value.a is not there; expected int64") })
        #expect(faults.allSatisfy { !$0.reason.contains("99999999999") })
    }

    @Test func `random records give what Foundation reads of them`() throws {
        let seed = UInt64.random(in: 0...999_999)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        let paths = ["value.a", "value.a.b", "value.a[0]", "value.c[1].d", "value.a.b.c", "value.c"].compactMap(
            StreamPath.init
        )
        for _ in 0..<300 {
            var columns = DocumentColumns(paths.map { DocumentRequest(path: $0, type: .int64, absentIsNull: true) })
            var records: [Any] = []
            for _ in 0..<random.int(1...5) {
                let record = Self.object(&random, depth: 3)
                let text = String(decoding: try JSONSerialization.data(withJSONObject: record), as: UTF8.self)
                #expect(Self.append(&columns, text) == nil, "\(text)")
                records.append(record)
            }
            let (found, faults) = columns.finish()
            for (column, path) in zip(found, paths) {
                for (row, record) in records.enumerated() {
                    let expected = Self.look(record, path.steps[...])
                    let isFault = faults.contains { $0.row == row && $0.reason.hasPrefix("\(path.text) is ") }
                    if let number = expected as? Int {
                        #expect(column.value(row) == .int64(Int64(number)) && !isFault)
                    } else {
                        #expect(column.value(row) == .null)
                        #expect(isFault == (expected != nil && !(expected is NSNull)), "\(path.text) of \(record)")
                    }
                }
            }
        }
    }

    private static func object(_ random: inout SeededRandom, depth: Int) -> [String: Any] {
        var object: [String: Any] = [:]
        for name in ["a", "b", "c", "d", "e\""] where !random.oneIn(3) {
            object[name] = value(&random, depth: depth - 1)
        }
        return object
    }

    private static func value(_ random: inout SeededRandom, depth: Int) -> Any {
        switch random.int(0...(depth > 0 ? 4 : 2)) {
        case 0: return random.int(-5...5)
        case 1: return "a\"b"
        case 2: return NSNull()
        case 3: return object(&random, depth: depth)
        default: return (0..<random.int(0...3)).map { _ in value(&random, depth: depth - 1) }
        }
    }

    /// `nil` = not there; below a null is null.
    private static func look(_ value: Any, _ steps: ArraySlice<StreamPath.Step>) -> Any? {
        guard let step = steps.first else { return value }
        if value is NSNull { return value }
        switch step {
        case .member(let name):
            return (value as? [String: Any])?[name].flatMap { look($0, steps.dropFirst()) }
        case .element(let place):
            guard let list = value as? [Any], list.indices.contains(place) else { return nil }
            return look(list[place], steps.dropFirst())
        }
    }
}
