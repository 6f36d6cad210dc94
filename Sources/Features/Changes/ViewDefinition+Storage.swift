extension ViewDefinition {
    /// Why PostgreSQL could not store the view's history, as the end of a sentence that starts with the view's name;
    /// `nil` where it can.
    package var storageRefusal: String? {
        let columns = historyColumnCount
        if columns > DefinitionLimits.tableColumnsMax {
            return
                "has \(features.count) features, so that its table has \(columns) columns; PostgreSQL allows "
                + "\(DefinitionLimits.tableColumnsMax): use a vector(n), or several views"
        }
        let bytes = rowBytesMax
        guard bytes > DefinitionLimits.rowBytesMax else { return nil }
        return
            "has rows of up to \(bytes) bytes; \(DefinitionLimits.rowBytesMax) fit a page of PostgreSQL: "
            + "use a vector(n) for features that are read together, or several views"
    }

    /// The bytes of the widest row of the view's history, after PostgreSQL has moved out what it can.
    package var rowBytesMax: Int {
        var bytes = 0
        func add(_ width: Int, alignment: Int) { bytes = (bytes + alignment - 1) / alignment * alignment + width }
        for key in keys { Self.add(key.type.featureType, add) }
        // A global view's constant key column takes 8 bytes at most.
        if keys.isEmpty { add(8, alignment: 8) }
        // _event_time, _known_at, _batch, _deleted.
        for _ in 0..<3 { add(8, alignment: 8) }
        add(1, alignment: 1)
        for feature in features { Self.add(feature.type, add) }
        // _event.
        if let eventPlace { Self.add(features[eventPlace].type, add) }
        let columns = historyColumnCount
        // The tuple header has 23 bytes and one bit per column, rounded up to 8.
        let header = (23 + (columns + 7) / 8 + 7) / 8 * 8
        return header + bytes
    }

    private var historyColumnCount: Int {
        DefinitionLimits.historyColumns + (events == nil ? 0 : 1) + max(keys.count, 1) + features.count
    }

    private static func add(_ type: FeatureType, _ add: (_ width: Int, _ alignment: Int) -> Void) {
        switch type {
        case .bool: add(1, 1)
        case .int32, .float32: add(4, 4)
        case .int64, .float64, .timestamp: add(8, 8)
        case .string, .bytes, .vector, .listInt64, .listString: add(DefinitionLimits.variableWidthBytesMax, 1)
        }
    }
}
