import CKafka

/// librdkafka, opened in this process until it ends: only by what reads topics.
package final class KafkaLibrary: @unchecked Sendable {
    // Sendable: the functions are only read once it is made, and the library's own are free to be called by any thread.
    let functions: asof_kafka
    package let version: String

    /// - Parameter environment: `ASOF_LIBRDKAFKA` names the library's file; without it the loader looks for it.
    package init(_ environment: [String: String]) throws(KafkaError) {
        let named = environment["ASOF_LIBRDKAFKA"] ?? ""
        var functions = asof_kafka()
        var error = [CChar](repeating: 0, count: 512)
        guard asof_kafka_open(named.isEmpty ? "librdkafka.so.1" : named, &functions, &error, error.count) == 0 else {
            throw .missingLibrary(Self.text(error))
        }
        self.functions = functions
        version = functions.version_str().map { String(cString: $0) } ?? ""
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func text(ofError code: Int32) -> String { functions.err2str(code).map { String(cString: $0) } ?? "error \(code)" }
}
