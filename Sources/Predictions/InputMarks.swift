package import Training

/// One byte of a digest for each input of a row, as a model read it: enough to tell which column differs, and not what it was.
///
/// Equal numbers have equal bytes; of different ones 255 in 256 differ.
package enum InputMarks {
    /// - Returns: a byte for each input of the signature.
    package static func marks(_ matrix: DesignMatrix, _ signature: ModelSignature, row: Int) -> [UInt8] {
        var place = row * matrix.width
        return signature.inputs.map { input in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for value in matrix.values[place..<place + input.width] {
                // One NaN is as missing as another.
                hash = (hash ^ UInt64(value.isNaN ? 0x7FC0_0000 : value.bitPattern)) &* 0x0000_0100_0000_01B3
            }
            place += input.width
            hash ^= hash >> 32
            hash ^= hash >> 16
            return UInt8(truncatingIfNeeded: hash ^ hash >> 8)
        }
    }
}
