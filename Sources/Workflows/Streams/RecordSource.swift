package import Kafka

/// Records that came together, in memory that lasts as long as this.
package protocol RecordChunk: AnyObject {
    var count: Int { get }
    var events: [KafkaEvent] { get }
    /// Of one partition ascending by offset.
    func record(_ index: Int) -> KafkaRecord
}

/// A topic from which committed records are read at given offsets: a broker's, or in tests one in memory.
package protocol RecordSource: AnyObject {
    associatedtype Chunk: RecordChunk

    var topic: String { get }
    func clusterID() -> String
    /// Ascending.
    func partitions() throws(KafkaError) -> [Int32]
    /// Where a partition's records begin, and where those end that are committed.
    func bounds(_ partition: Int32) throws(KafkaError) -> (low: Int64, high: Int64)
    func offset(_ partition: Int32, atMs timeMs: Int64) throws(KafkaError) -> Int64?
    func assign(_ offsets: [Int32: Int64]) throws(KafkaError)
    func poll(waitMs: Int) -> Chunk
}

extension KafkaChunk: RecordChunk {}
extension KafkaConsumer: RecordSource {}
