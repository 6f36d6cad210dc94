import Features
import Testing

@Suite struct DefinitionsTests {
    static let example = """
        entities:
          user:    { key: user_id, type: int64, description: "A registered user" }
          airport: { key: origin,  type: string }
        views:
          user_stats:
            description: Clicks and rates        # description, owner, tags: everywhere
            entities: [user]                     # [] = a global view, one latest row
            ttl: 30d
            delay: 0s
            strict: false
            missing: error
            online: true
            partition: month
            features: { clicks_7d: int64, ctr: float64, embedding: vector(64) }
            source: { sql: "SELECT ... WHERE event_time >= :from AND event_time < :to" }
          weather:
            entities: [airport]
            features:
              temp: { type: float32, description: Degrees Celsius }
              wind: float32
              no: bool
        services:
          ranking: [user_stats.clicks_7d, user_stats:ctr]
          trip:
            - weather.*
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp, wind] }
        """

    @Test func `the example of the documentation is read`() throws {
        let definitions = try Definitions.parse(yaml: Self.example, file: "features.yaml")
        print(definitions)
        print(definitions.services.map(\.fingerprint))
    }
    @Test func `dups`() throws {
        for y in ["a: 1\na: 2\nb: {x: 1, x: 2, 'x': 3}\n", "\ta: 1", "views:\n\ta: 1", "a: [*", "a: \u{0}", "views: {}\n---\nviews: {}\n", "entities: {u: {key: a, type: }}\nentitis: 3\nviews: [1]\nservices: {q: [a.b, c]}", "a: 'x", "x: \u{1}"] {
            do { _ = try Definitions.parse(yaml: y, file: "f"); print("ok", y) } catch { print(y, "\n->", error) }
        }
    }
}
