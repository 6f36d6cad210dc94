package import Forest
import Synchronization
package import Training

/// Margins of rows that were asked for before: of static tasks, whose answer is the same at any position.
///
/// A row is known by 128 bits of a hash of the model's file and the row's numbers, keyed by this process, so that nobody can make two
/// rows that are taken for one. Rows that were not asked for longest go first, in halves: what the younger half does not have is looked
/// for in the older one and comes back from there; where the younger one is full, the older one is forgotten. Thread-safe.
package final class AnswerCache: Sendable {
    private struct Key: Hashable {
        var low: Int
        var high: Int
    }

    /// A half. Its room is taken at once and given back at once, so that no request pays for growth.
    private struct Half {
        var places: [Key: Int32] = [:]
        var margins: [Float] = []
        var bytes = 0

        subscript(_ key: Key, _ outputs: Int) -> ArraySlice<Float>? {
            places[key].map { margins[Int($0)..<Int($0) + outputs] }
        }
    }

    private struct Halves {
        var younger = Half()
        var older = Half()
    }

    private let halves = Mutex(Halves())
    private let halfBytes: Int

    package init(bytesMax: Int = ModelsLimits.answerCacheBytesMax) {
        halfBytes = bytesMax / 2
    }

    /// - Parameter artifact: SHA-256 of the model's file.
    /// - Returns: the margins of each row, as the forest has them, and of how many rows they were known.
    /// - Complexity: O(rows × width), and a walk through the trees for each row that is not known.
    package func margins(_ forest: Forest, artifact: [UInt8], _ matrix: DesignMatrix) -> (margins: [Float], known: Int)
    {
        let outputs = forest.outputs
        let keys = matrix.values.withUnsafeBytes { bytes in
            (0..<matrix.rowCount).map { row in
                Self.key(
                    artifact,
                    UnsafeRawBufferPointer(rebasing: bytes[row * matrix.width * 4..<(row + 1) * matrix.width * 4])
                )
            }
        }
        var margins = [Float](repeating: 0, count: matrix.rowCount * outputs)
        var missing: [Int] = []
        halves.withLock { halves in
            for (row, key) in keys.enumerated() {
                if let known = halves.younger[key, outputs] {
                    margins.replaceSubrange(row * outputs..<(row + 1) * outputs, with: known)
                } else if let known = halves.older[key, outputs] {
                    margins.replaceSubrange(row * outputs..<(row + 1) * outputs, with: known)
                    keep(known, key, &halves)
                } else {
                    missing.append(row)
                }
            }
        }
        guard !missing.isEmpty else { return (margins, matrix.rowCount) }
        let rows = missing.flatMap { matrix.values[$0 * matrix.width..<($0 + 1) * matrix.width] }
        let found = forest.margins(rows, count: missing.count)
        halves.withLock { halves in
            for (place, row) in missing.enumerated() {
                let own = found[place * outputs..<(place + 1) * outputs]
                margins.replaceSubrange(row * outputs..<(row + 1) * outputs, with: own)
                keep(own, keys[row], &halves)
            }
        }
        return (margins, matrix.rowCount - missing.count)
    }

    /// What is held, in bytes.
    package var byteCount: Int { halves.withLock { $0.younger.bytes + $0.older.bytes } }

    private func keep(_ margins: ArraySlice<Float>, _ key: Key, _ halves: inout Halves) {
        let bytes = MemoryLayout<Key>.size + 2 * MemoryLayout<Int32>.size + margins.count * MemoryLayout<Float>.size
        guard bytes <= halfBytes, halves.younger.places[key] == nil else { return }
        if halves.younger.bytes + bytes > halfBytes {
            halves.older = halves.younger
            halves.younger = Half()
        }
        if halves.younger.bytes == 0 {
            halves.younger.places.reserveCapacity(halfBytes / bytes)
            halves.younger.margins.reserveCapacity(halfBytes / bytes * margins.count)
        }
        halves.younger.places[key] = Int32(halves.younger.margins.count)
        halves.younger.margins += margins
        halves.younger.bytes += bytes
    }

    private static func key(_ artifact: [UInt8], _ row: UnsafeRawBufferPointer) -> Key {
        func hash(_ seed: UInt8) -> Int {
            var hasher = Hasher()
            hasher.combine(seed)
            hasher.combine(artifact)
            hasher.combine(bytes: row)
            return hasher.finalize()
        }
        return Key(low: hash(0), high: hash(1))
    }
}
