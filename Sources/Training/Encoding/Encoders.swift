import Features
import PointInTime

/// The encoders of a signature, ready to make rows: dictionaries are built once.
package struct Encoders: Sendable {
    package let signature: ModelSignature
    /// About how many numbers are looked at for a row beside those that it becomes: a map compares a value that it does not know
    /// with all that it does.
    package let work: Int
    /// Of each input with a dictionary: places by text.
    private let places: [[ArraySlice<UInt8>: Int]]
    /// Of each input, what stands before the value in the text that is hashed: `name=`, one a column.
    private let prefixes: [[[UInt8]]]

    package init(_ signature: ModelSignature) {
        self.signature = signature
        work = signature.inputs.reduce(0) { sum, input in
            guard case .mapped(let map) = input.encoder.inner else { return sum }
            return sum + map.levels.count * max(map.means.count, 1)
        }
        places = signature.inputs.map { input in
            switch input.encoder {
            case .categories(let levels), .onehot(let levels), .levels(let levels): Self.places(levels)
            case .mapped(let map): Self.places(map.levels)
            case .indicators(.levels(let levels)): Self.places(levels)
            default: [:]
            }
        }
        prefixes = signature.inputs.map { input in
            let names = input.reads.map { signature.columns[$0].name }
            if case .crossed = input.encoder.inner { return [Array((names.joined(separator: "^") + "=").utf8)] }
            return names.map { Array(($0 + "=").utf8) }
        }
    }

    private static func places(_ levels: [String]) -> [ArraySlice<UInt8>: Int] {
        Dictionary(levels.enumerated().map { (Array($1.utf8)[...], $0) }) { first, _ in first }
    }

    /// Puts an input's numbers of all rows into `out`, where NaN is already.
    /// - Parameters:
    ///   - columns: of the signature.
    ///   - write: gets the row, the place among the input's numbers, and the number.
    /// - Returns: rows whose value training did not have.
    func encode(
        _ index: Int,
        _ columns: [Column],
        rowCount: Int,
        _ write: (Int, Int, Float) -> Void
    ) -> Int {
        let input = signature.inputs[index]
        let own = input.reads.map { columns[$0] }
        return encode(input.encoder, index, own, rowCount, write)
    }

    private func encode(
        _ encoder: FittedEncoder,
        _ index: Int,
        _ own: [Column],
        _ rowCount: Int,
        _ write: (Int, Int, Float) -> Void
    ) -> Int {
        switch encoder {
        case .number:
            Numbers(own[0]).each { row, _, single in write(row, 0, single) }
        case .scaled(let minus, let over):
            Numbers(own[0]).each { row, value, _ in write(row, 0, Float((value - minus) / over)) }
        case .log1p:
            Numbers(own[0]).each { row, value, _ in write(row, 0, Numbers.log1p(value)) }
        case .clipped(let low, let high):
            Numbers(own[0]).each { row, value, _ in
                write(row, 0, value.isNaN ? .nan : Float(min(max(value, low), high)))
            }
        case .bins(let cuts):
            Numbers(own[0]).each { row, value, _ in
                if !value.isNaN { write(row, 0, Float(Self.bin(value, cuts))) }
            }
        case .elements(let count):
            guard case .vector(_, let numbers) = own[0].values else { preconditionFailure("a vector's encoder") }
            for row in 0..<rowCount where !own[0].isNull(row) {
                for element in 0..<count { write(row, element, numbers[row * count + element]) }
            }
        case .categories:
            return texts(index, own[0]) { if let place = $1 { write($0, 0, Float(place)) } }
        case .levels(let levels):
            return texts(index, own[0]) { write($0, 0, Float($1 ?? levels.count)) }
        case .onehot(let levels):
            for row in 0..<rowCount {
                for place in 0..<levels.count + 2 { write(row, place, 0) }
                if own[0].isNull(row) { write(row, levels.count, 1) }
            }
            return texts(index, own[0]) { write($0, $1 ?? levels.count + 1, 1) }
        case .hashed(let hash, _):
            for (part, column) in own.enumerated() {
                var text = KeyText(prefixes[index][part])
                for row in 0..<rowCount where !column.isNull(row) {
                    text.set(column, row)
                    write(row, part, hash.number(text.bytes[...]))
                }
            }
        case .crossed(let hash):
            var text = KeyText(prefixes[index][0])
            for row in 0..<rowCount where own.allSatisfy({ !$0.isNull(row) }) {
                text.set(own, row)
                write(row, 0, hash.number(text.bytes[...]))
            }
        case .mapped(let map):
            return mapped(map, index, own, rowCount, write)
        case .indicators(let inner):
            for row in 0..<rowCount {
                for place in 0..<inner.placesMax { write(row, place, 0) }
                write(row, inner.placesMax, 1)
            }
            return encode(inner, index, own, rowCount) { row, _, number in
                write(row, inner.placesMax, 0)
                write(row, Int(number), 1)
            }
        }
        return 0
    }

    private static func bin(_ value: Double, _ cuts: [Double]) -> Int {
        var (low, high) = (0, cuts.count)
        while low < high {
            let middle = (low + high) / 2
            if cuts[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// - Parameter body: gets each row that is not null and the place of its text, `nil` where the dictionary lacks it.
    private func texts(_ index: Int, _ column: Column, _ body: (Int, Int?) -> Void) -> Int {
        guard case .text(let texts) = column.values else { preconditionFailure("a text's encoder") }
        var unseen = 0
        for row in 0..<column.rowCount where !column.isNull(row) {
            let place = places[index][texts[row]]
            if place == nil { unseen += 1 }
            body(row, place)
        }
        return unseen
    }

    private func mapped(
        _ map: FittedMap,
        _ index: Int,
        _ own: [Column],
        _ rowCount: Int,
        _ write: (Int, Int, Float) -> Void
    ) -> Int {
        var unseen = 0
        let attributes = own.dropFirst().map { Numbers($0).values }
        var (value, named) = (KeyText([]), KeyText(prefixes[index][0]))
        for row in 0..<rowCount where !own[0].isNull(row) {
            value.set(own[0], row)
            if let place = places[index][value.bytes[...]] {
                write(row, 0, Float(place))
                continue
            }
            unseen += 1
            let raw = attributes.map { $0[row] }
            let near = raw.allSatisfy(\.isFinite) ? map.neighbours(raw) : []
            for (place, level) in near.enumerated() { write(row, place, Float(level)) }
            guard near.isEmpty else { continue }
            guard let other = map.other else {
                write(row, 0, Float(map.levels.count))
                continue
            }
            named.set(own[0], row)
            write(row, 0, Float(map.levels.count + 1 + other.bucket(named.bytes[...]).bucket))
        }
        return unseen
    }
}

extension FittedEncoder {
    /// What gives the places of indicators; else itself.
    fileprivate var inner: FittedEncoder {
        if case .indicators(let inner) = self { inner } else { self }
    }
}

/// The text of a row's value as it is hashed: behind a prefix, integers in decimal, flags as true and false.
struct KeyText {
    private(set) var bytes: [UInt8]
    private let start: Int

    init(_ prefix: [UInt8]) {
        bytes = prefix
        start = prefix.count
    }

    mutating func set(_ column: Column, _ row: Int) {
        bytes.removeSubrange(start...)
        append(column, row)
    }

    /// The values of several columns with `^` between.
    mutating func set(_ columns: [Column], _ row: Int) {
        bytes.removeSubrange(start...)
        for (place, column) in columns.enumerated() {
            if place > 0 { bytes.append(UInt8(ascii: "^")) }
            append(column, row)
        }
    }

    private mutating func append(_ column: Column, _ row: Int) {
        switch column.values {
        case .text(let texts): bytes.append(contentsOf: texts[row])
        case .int32(let values): bytes.append(contentsOf: "\(values[row])".utf8)
        case .int64(let values): bytes.append(contentsOf: "\(values[row])".utf8)
        case .bool(let values): bytes.append(contentsOf: (values[row] ? "true" : "false").utf8)
        default: preconditionFailure("a column of \(column.type.text) has no text to hash")
        }
    }
}
