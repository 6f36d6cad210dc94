import Foundation
import TestSupport
import Testing

@testable import Features

@Suite struct StreamDefinitionTests {
    private static func yaml(_ stream: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          orders: { entities: [user], features: { amount: float64, item: string } }
          daily: { entities: [user], features: { n: int64 }, source: { sql: "SELECT 1 WHERE :from < :to" } }
        streams:
          orders: \(stream)
        """
    }

    private static let kafka = "kafka: { brokers: \"b1:9092,b2:9092\", topic: orders }"

    private static func errors(_ stream: String) -> [String] {
        do {
            _ = try Definitions.parse(yaml: yaml(stream), file: "features.yaml")
            return []
        } catch {
            return error.issues.map { "\($0.line):\($0.column) \($0.message)" }
        }
    }

    @Test func `a stream is read with what it leaves out`() throws {
        let definitions = try Definitions.parse(yaml: Self.yaml("{ \(Self.kafka), into: orders }"), file: "f")
        let kafka = StreamDefinition.Kafka(brokers: "b1:9092,b2:9092", topic: "orders")
        #expect(definitions.streams == [StreamDefinition(name: "orders", kafka: kafka, into: ["orders"])])
        #expect(definitions.streams[0].path(of: "item").text == "value.item")
        let data = try JSONEncoder().encode(definitions)
        #expect(try JSONDecoder().decode(Definitions.self, from: data) == definitions)
    }

    @Test func `a stream is read whole`() throws {
        let text = """
            { kafka: { brokers: b, topic: t, properties: kafka.properties }, into: [orders], format: json,
                start: 2026-01-31T00:00:00Z, map: { user_id: key, item: "value.items[0].sku" },
                event_time: value.ts unit ms, deleted: tombstone, on_error: reject, owner: ann }
            """
        let stream = try #require(
            try Definitions.parse(yaml: Self.yaml(text), file: "f").stream(named: "orders")
        )
        #expect(stream.kafka.properties == "kafka.properties" && stream.owner == "ann")
        #expect(stream.start.text == "2026-01-31T00:00:00Z" || stream.start.text.hasPrefix("2026-01-31T00:00:00"))
        #expect(stream.path(of: "user_id") == StreamPath(.key, []))
        #expect(stream.path(of: "item") == StreamPath(.value, [.member("items"), .element(0), .member("sku")]))
        #expect(stream.eventTime == .path(StreamPath(.value, [.member("ts")]), unit: .ms))
        #expect(stream.deletesTombstones && stream.onError == .reject)
        #expect(try JSONDecoder().decode(StreamDefinition.self, from: JSONEncoder().encode(stream)) == stream)
    }

    @Test(arguments: [
        ("{ into: orders }", "stream 'orders' has no source"),
        ("{ kafka: { topic: t }, into: orders }", "has no brokers"),
        ("{ kafka: { brokers: b, topic: \"\" }, into: orders }", "not to be empty"),
        ("{ \(kafka) }", "has no view to fill"),
        ("{ \(kafka), into: order }", "fills the view 'order', which there is not; did you mean 'orders'?"),
        ("{ \(kafka), into: daily }", "is filled from SQL"),
        ("{ \(kafka), into: [orders, orders] }", "has 'orders' twice"),
        ("{ \(kafka), into: orders, map: { itme: value.x } }", "no feature of orders; did you mean 'item'?"),
        ("{ \(kafka), into: orders, map: { item: x.y } }", "a path into the record"),
        ("{ \(kafka), into: orders, start: yesterday }", "earliest, latest or a time"),
        ("{ \(kafka), into: orders, event_time: value.ts unit h }", "the unit of integers"),
        ("{ \(kafka), into: orders, deleted: tombstone }", "map: { user_id: key }"),
        ("{ \(kafka), into: orders, on_error: skip }", "expected"),
        ("{ \(kafka), into: orders, format: avro }", "reads JSON alone, no avro"),
        ("{ \(kafka), into: orders, format: debezium }", "reads JSON alone, no debezium"),
        ("{ \(kafka), into: orders, format: csv }", "reads JSON alone, no csv"),
        ("{ \(kafka), into: orders, format: lines }", "reads JSON alone, no lines"),
        ("{ \(kafka), into: orders, where: \"value.a = 1\" }", "this version of asof has no 'where'"),
        ("{ postgres: { url: U }, into: orders }", "this version of asof has no 'postgres'"),
        ("{ kinesis: { stream: s }, into: orders }", "this version of asof has no 'kinesis'"),
        ("{ \(kafka), into: orders, group: g }", "group"),
    ])
    func `what a stream may not say is told with its place`(stream: String, part: String) {
        let errors = Self.errors(stream)
        #expect(errors.count == 1 && errors[0].contains(part), "\(errors)")
    }

    @Test func `a changed stream is told by what is changed, one that is gone stays stored`() throws {
        let old = try Definitions.parse(yaml: Self.yaml("{ \(Self.kafka), into: orders }"), file: "f")
        let new = try Definitions.parse(
            yaml: Self.yaml("{ \(Self.kafka), into: orders, start: latest, map: { item: value.i } }"),
            file: "f"
        )
        #expect(
            old.changes(from: Definitions()).map(\.line).contains {
                $0.contains("topic orders of b1:9092,b2:9092 into orders")
            }
        )
        let change = try #require(new.changes(from: old).first)
        #expect(change.severity == .safe && change.detail == "start earliest -> latest; map none -> item: value.i")
        var without = old
        without.streams = []
        #expect(without.changes(from: old).map(\.severity) == [.retires])
        #expect(old.changes(from: old).isEmpty)
    }

    @Test(arguments: [
        "value", "key", "value.a", "key.id", "value.customer.id", "value.items[0].sku", "value[3]", "value.\"a.b\"",
        "value.\"say \"\"x\"\"\"", "value.a[0][1].b", "value.é",
    ])
    func `a path is written as it is read`(text: String) throws {
        #expect(try #require(StreamPath(text: text)).text == text)
    }

    @Test(arguments: [
        "", "valu", "value.", "value..a", "value[", "value[]", "value[-1]", "value[a]", "value.a]", "value.\"a",
        "value.\"\"", "value.a\"b\"", "headers.x", "value[9999999]",
    ])
    func `what is no path is refused`(text: String) {
        #expect(StreamPath(text: text) == nil)
    }

    @Test func `random paths are read as they were written`() throws {
        let seed = UInt64.random(in: 0...999_999)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            let steps = (0..<random.int(0...5)).map { _ in
                random.oneIn(3)
                    ? StreamPath.Step.element(random.int(0...99))
                    : .member(random.pick(["a", "b c", "x.y", "\"", "é", "[0]", "日本", " ", "unit", "key"]))
            }
            let path = StreamPath(random.oneIn(2) ? .key : .value, steps)
            #expect(StreamPath(text: path.text) == path, "\(path.text)")
        }
    }
}
