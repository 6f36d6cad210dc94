import Features
import Testing

@Suite struct SchemaFingerprintTests {
    private let columns = [
        ServiceColumn(view: "user_stats", keys: [], feature: "clicks_7d", type: .int64),
        ServiceColumn(view: "weather", alias: "dest", keys: [], feature: "temp", type: .vector(64)),
    ]

    /// `printf 'asof-schema-1\nuser_stats__clicks_7d int64\ndest__temp vector(64)\n' | sha256sum | cut -c 1-16`
    @Test func `a fingerprint is what sha256sum says`() {
        #expect(ServiceDefinition.schemaFingerprint(of: columns) == "asof1:8a21a632999fa2c6")
        #expect(ServiceDefinition.schemaFingerprint(of: []) == "asof1:095a310d40e358ab")
        #expect(ServiceDefinition(name: "s", columns: columns).fingerprint == "asof1:8a21a632999fa2c6")
    }

    @Test func `order, names and types change it; where a value comes from does not`() throws {
        let fingerprint = ServiceDefinition.schemaFingerprint(of: columns)
        var changed = columns
        changed.swapAt(0, 1)
        #expect(ServiceDefinition.schemaFingerprint(of: changed) != fingerprint)
        changed = columns
        changed[0] = try changed[0].with { $0.type = .int32 }
        #expect(ServiceDefinition.schemaFingerprint(of: changed) != fingerprint)
        changed = columns
        changed[1] = try changed[1].with { $0.alias = "other" }
        #expect(ServiceDefinition.schemaFingerprint(of: changed) != fingerprint)
        changed = columns
        changed[1] = try changed[1].with {
            $0.view = "weather_v2"
            $0.keys = [KeyMapping(viewKey: "origin", from: "dest")]
        }
        #expect(ServiceDefinition.schemaFingerprint(of: changed) == fingerprint)
    }
}

extension ServiceColumn {
    fileprivate func with(_ change: (inout FeatureColumn) -> Void) throws -> ServiceColumn {
        var feature = try #require(feature)
        change(&feature)
        return .feature(feature)
    }
}
