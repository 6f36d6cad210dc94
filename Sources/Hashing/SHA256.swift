import CLibCrypto

/// SHA-256 (FIPS 180-4) of bytes that come in pieces, by OpenSSL's libcrypto, which libpq has loaded already.
///
/// A value: a copy goes its own way. How bytes are cut into pieces makes no difference.
package struct SHA256: Sendable {
    /// Bytes of a digest.
    package static let byteCount = 32

    private var state = State()

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if !isKnownUniquelyReferenced(&state) { state = State(copying: state) }
        state.update(bytes)
    }

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if isDone == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The digest of what was added so far: 32 bytes. More may follow.
    package func value() -> [UInt8] { State(copying: state).finish() }

    package static func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { digest, count in
            let status = EVP_Digest(bytes.baseAddress, bytes.count, digest.baseAddress, nil, State.algorithm, nil)
            precondition(status == 1, "libcrypto has no SHA-256")
            count = byteCount
        }
    }

    package static func digest(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.withContiguousStorageIfAvailable { digest(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { digest($0) }
    }
}

extension SHA256 {
    /// OpenSSL's own. It is changed only by a value that has it alone (see `update`), so threads may share it.
    private final class State: @unchecked Sendable {
        /// Looked up once: OpenSSL would do so at each beginning.
        nonisolated(unsafe) static let algorithm: OpaquePointer = {
            guard let found = EVP_MD_fetch(nil, "SHA256", nil) else { preconditionFailure("libcrypto has no SHA-256") }
            return found
        }()

        private let context: OpaquePointer

        init() {
            context = Self.allocate()
            precondition(EVP_DigestInit_ex(context, Self.algorithm, nil) == 1, "libcrypto has no SHA-256")
        }

        init(copying other: State) {
            context = Self.allocate()
            precondition(EVP_MD_CTX_copy_ex(context, other.context) == 1, "out of memory")
        }

        deinit { EVP_MD_CTX_free(context) }

        func update(_ bytes: UnsafeRawBufferPointer) {
            precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "a digest is ended")
        }

        /// Afterwards nothing can be added.
        func finish() -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { digest, count in
                precondition(EVP_DigestFinal_ex(context, digest.baseAddress, nil) == 1, "a digest is ended")
                count = SHA256.byteCount
            }
        }

        private static func allocate() -> OpaquePointer {
            guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
            return context
        }
    }
}
