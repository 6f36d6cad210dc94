import Columnar
import Features
import Foundation
import PointInTime

/// A directory that is removed when the test ends.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "asof-columnar-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ bytes: some Sequence<UInt8> = []) throws -> String {
        let file = path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    func file(_ name: String, text: String) throws -> String { try file(name, text.utf8) }
}

/// All rows of a file as boxed values, in the order of `requests`.
func readAll(
    _ path: String,
    _ format: FileFormat,
    _ requests: [ColumnRequest],
    _ options: InputOptions = InputOptions()
) throws -> [[Value]] {
    let reader = try TableReader(path: path, format: format, options: options)
    try reader.select(requests)
    var rows: [[Value]] = []
    while let batch = try reader.next() {
        for row in 0..<batch.rowCount { rows.append(batch.columns.map { $0.value(row) }) }
    }
    return rows
}

/// The message of the error that `body` throws; `nil` where it throws none.
func message(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

extension Column {
    func value(_ row: Int) -> Value {
        if isNull(row) { return .null }
        switch values {
        case .bool(let values): return .bool(values[row])
        case .int32(let values): return .int32(values[row])
        case .int64(let values):
            return type == .timestamp ? .timestamp(Timestamp(microseconds: values[row])) : .int64(values[row])
        case .float32(let values): return .float32(values[row])
        case .float64(let values): return .float64(values[row])
        case .text(let texts): return type == .bytes ? .bytes(Array(texts[row])) : .string(texts.string(row))
        case .vector(let n, let values): return .vector(Array(values[row * n..<(row + 1) * n]))
        case .listInt64(let offsets, let values): return .listInt64(Array(values[offsets[row]..<offsets[row + 1]]))
        case .listString(let offsets, let texts):
            return .listString((offsets[row]..<offsets[row + 1]).map { texts.string($0) })
        }
    }

    /// A column of boxed values.
    init(_ type: FeatureType, _ rows: [Value]) {
        var values = Values(emptyOf: type)
        for row in rows { values.append(row) }
        let validity = rows.map { $0 != .null }
        self.init(type: type, validity: validity.contains(false) ? validity : nil, values: values)
    }
}

extension Column.Values {
    mutating func append(_ value: Value) {
        switch self {
        case .bool(var values):
            if case .bool(let value) = value { values.append(value) } else { values.append(false) }
            self = .bool(values)
        case .int32(var values):
            if case .int32(let value) = value { values.append(value) } else { values.append(0) }
            self = .int32(values)
        case .int64(var values):
            switch value {
            case .int64(let value): values.append(value)
            case .timestamp(let time): values.append(time.microseconds)
            default: values.append(0)
            }
            self = .int64(values)
        case .float32(var values):
            if case .float32(let value) = value { values.append(value) } else { values.append(0) }
            self = .float32(values)
        case .float64(var values):
            if case .float64(let value) = value { values.append(value) } else { values.append(0) }
            self = .float64(values)
        case .text(var texts):
            switch value {
            case .string(let text): texts.append(text.utf8)
            case .bytes(let bytes): texts.append(bytes)
            default: texts.append([])
            }
            self = .text(texts)
        case .vector(let n, var values):
            if case .vector(let row) = value { values += row } else { values += Array(repeating: 0, count: n) }
            self = .vector(dimensions: n, values)
        case .listInt64(var offsets, var values):
            if case .listInt64(let row) = value { values += row }
            offsets.append(values.count)
            self = .listInt64(offsets: offsets, values: values)
        case .listString(var offsets, var texts):
            if case .listString(let row) = value { for text in row { texts.append(text.utf8) } }
            offsets.append(texts.count)
            self = .listString(offsets: offsets, values: texts)
        }
    }
}

/// Values compared by their bits: NaN equals NaN, and -0.0 differs from 0.0.
func bits(_ value: Value) -> String {
    switch value {
    case .float32(let value): value.isNaN ? "nan32" : "f32 \(value.bitPattern)"
    case .float64(let value): value.isNaN ? "nan64" : "f64 \(value.bitPattern)"
    case .vector(let values): "v \(values.map { bits(.float32($0)) })"
    default: "\(value)"
    }
}
