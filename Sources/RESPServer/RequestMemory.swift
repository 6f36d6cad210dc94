import Synchronization

/// What all connections of a server together may keep of requests that are not complete.
///
/// Each connection keeps a little without asking, so that ordinary requests never count here.
package final class RequestMemory: Sendable {
    private let bytesMax: Int
    private let bytes = Atomic<Int>(0)

    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// - Returns: `false` where there would be too much; then nothing has changed.
    func change(by difference: Int) -> Bool {
        guard bytes.add(difference, ordering: .relaxed).newValue > bytesMax, difference > 0 else { return true }
        bytes.subtract(difference, ordering: .relaxed)
        return false
    }

    /// Taken now.
    package var bytesTaken: Int { bytes.load(ordering: .relaxed) }
}
