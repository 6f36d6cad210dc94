import CArrow

/// Takes gzip or zstd off a stream of bytes: members or frames, one after the other, as `cat a.gz b.gz` makes them.
///
/// Checksums are checked. Zero bytes behind the last member are padding; anything else there is an error.
package final class Decompressor {
    private let handle: OpaquePointer
    private let name: String
    private let compression: Compression
    /// Compressed bytes that are still to be taken.
    private var input: [UInt8] = []
    private var position = 0
    private var isInputEnded = false
    /// Whether a member has ended and zeros have followed it.
    private var isPadding = false

    package init(_ compression: Compression, name: String) throws(ColumnarError) {
        self.compression = compression
        self.name = name
        var failure = asof_failure()
        guard let handle = asof_decompressor_open(compression == .gzip ? ASOF_GZIP : ASOF_ZSTD, &failure) else {
            throw .cannotRead(file: name, reason: failure.takeReason())
        }
        self.handle = handle
    }

    deinit { asof_decompressor_free(handle) }

    /// Whether ``feed(_:)`` is to be called before the next ``read(_:)``.
    package var needsInput: Bool { position == input.count && !isInputEnded }

    /// Whether nothing is left, once ``read(_:)`` has returned no bytes.
    package var isAtEnd: Bool { isInputEnded }

    /// Gives the next compressed bytes; none = there are no more.
    package func feed(_ bytes: [UInt8]) {
        input = bytes
        position = 0
        isInputEnded = bytes.isEmpty
    }

    /// Decompresses at most `count` bytes.
    /// - Returns: perhaps none; at the end that means that nothing is left.
    /// - Throws: ``ColumnarError/malformed(_:reason:)`` for damaged and cut off data.
    package func read(_ count: Int) throws(ColumnarError) -> [UInt8] {
        if !asof_decompressor_is_inside(handle) { skipPadding() }
        guard position < input.count || asof_decompressor_is_inside(handle) else { return [] }
        guard !isPadding else { throw malformed("other bytes follow its end") }
        var failure = asof_failure()
        var status = ASOF_OK
        let out = [UInt8](unsafeUninitializedCapacity: count) { slots, written in
            var inputBytes = Int64(input.count - position)
            var outputBytes = Int64(count)
            status = input.withUnsafeBufferPointer { bytes in
                // Safe: `position` is at most the count of `bytes`, and `slots` has room for `count`.
                asof_decompressor_run(
                    handle,
                    bytes.baseAddress.map { $0 + position },
                    &inputBytes,
                    slots.baseAddress,
                    &outputBytes,
                    &failure
                )
            }
            guard status == ASOF_OK else { return }
            position += Int(inputBytes)
            written = Int(outputBytes)
        }
        guard status == ASOF_OK else { throw malformed("it is damaged: \(failure.takeReason())") }
        if out.isEmpty, position == input.count, isInputEnded, asof_decompressor_is_inside(handle) {
            throw malformed("it is cut off")
        }
        return out
    }

    private func skipPadding() {
        while position < input.count, input[position] == 0 {
            position += 1
            isPadding = true
        }
    }

    private func malformed(_ reason: String) -> ColumnarError {
        .malformed(.init(file: name), reason: "the \(compression.rawValue) data cannot be decompressed: \(reason)")
    }
}
