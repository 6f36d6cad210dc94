import Features
import Foundation
import Kafka
import Store

/// What was looked at of a stream before it is run.
package struct StreamFinding: Sendable, Hashable {
    package var stream: String
    package var isGood: Bool
    package var text: String
}

extension OpenStore {
    /// Records of each stream that ``checkStreams(_:environment:)`` decodes.
    private static var sample: Int { 100 }

    /// Looks at streams, their brokers and topics, and at some records, and stores nothing.
    ///
    /// - Parameter names: none = all.
    /// - Returns: by stream, in the order of what depends on what: the first that is not good ends a stream's.
    package func checkStreams(_ names: [String], environment: [String: String]) throws -> [StreamFinding] {
        var findings: [StreamFinding] = []
        for status in try streamStatus(names, environment: environment) {
            let stream = status.definition
            func found(_ isGood: Bool, _ text: String) {
                findings.append(StreamFinding(stream: stream.name, isGood: isGood, text: text))
            }
            if let trouble = status.trouble {
                found(false, trouble)
                continue
            }
            let records = status.partitions.compactMap(\.lag).reduce(0, +)
            found(
                true,
                "topic '\(stream.kafka.topic)' of \(stream.kafka.brokers) has \(CountText.count(status.partitions.count, "partition"))"
                    + (status.state == "not read yet"
                        ? ", none of them read yet" : ", \(CountText.count(Int(records), "record")) behind")
            )
            for other in try sharers(of: stream) {
                found(
                    true,
                    "stream '\(other)' fills a view of this one, too: of rows of one key and time the later commit wins"
                )
            }
            do {
                let peeked = try peekStream(stream.name, count: Self.sample, environment: environment)
                let bad = peeked.filter { $0.fault != nil }
                if let first = bad.first {
                    found(
                        false,
                        "\(bad.count) of \(CountText.count(peeked.count, "record")) cannot be stored; the first at partition "
                            + "\(first.partition), offset \(first.offset): \(first.fault ?? "")"
                    )
                } else {
                    found(
                        true,
                        peeked.isEmpty
                            ? "the topic has no records to try"
                            : "\(CountText.count(peeked.count, "record")) can be stored"
                    )
                }
            } catch {
                found(false, "\(error)")
            }
        }
        return findings
    }

    private func sharers(of stream: StreamDefinition) throws -> [String] {
        try Registry.load(session).definitions.streams
            .filter { $0.name != stream.name && !Set($0.into).isDisjoint(with: stream.into) }.map(\.name)
    }
}
