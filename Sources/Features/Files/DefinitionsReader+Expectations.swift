import Yams

/// What a feature's mapping says beside type and description.
extension DefinitionsReader {
    /// - Returns: `nil` where nothing is expected.
    mutating func expectations(_ parts: [String: Field], _ type: FeatureType, _ what: String) -> Expectations? {
        var expectations = Expectations()
        expectations.min = bound(parts["min"], type, what)
        expectations.max = bound(parts["max"], type, what)
        if let low = expectations.min, let high = expectations.max, let field = parts["max"],
            !Expectations(min: low).accepts(high)
        {
            fault(at: field.value, "the max of the \(what), \(high.text), is less than its min, \(low.text)")
        }
        expectations.allowed = allowed(parts["in"], type, what)
        expectations.nullsMax = parsed(
            parts["max_null"],
            "the max_null of the \(what)",
            expected: "a share from 0% to 100% with at most four decimal places, as in 5%"
        ) { Share(text: $0) }
        let isAnyGiven = ["min", "max", "in", "max_null"].contains { key in
            parts[key].map { !isNull($0.value) } ?? false
        }
        if let field = parts["action"] {
            if let action: Expectations.Action = choice(field, "the action of the \(what)") {
                expectations.action = action
            }
            if !isAnyGiven {
                fault(
                    at: field.key,
                    "the \(what) has an action and nothing that could fail: it goes with min, max, in or max_null"
                )
            }
        }
        return isAnyGiven ? expectations : nil
    }

    private mutating func bound(_ field: Field?, _ type: FeatureType, _ what: String) -> Value? {
        guard let field, !isNull(field.value) else { return nil }
        guard type.isOrdered else {
            fault(
                at: field.key,
                "the \(what) is of type \(type.text), which has no \(field.name); min and max are for int32, int64, float32, "
                    + "float64 and timestamp\(type.isListable ? "; a list of what is allowed is in: [...]" : "")"
            )
            return nil
        }
        guard let value = value(field.value, type, "the \(field.name) of the \(what)") else { return nil }
        guard value.text != "NaN" else {
            fault(
                at: field.value,
                "the \(field.name) of the \(what) is NaN, which is neither more nor less than any value"
            )
            return nil
        }
        return value
    }

    private mutating func value(_ node: Node, _ type: FeatureType, _ what: String) -> Value? {
        guard let text = text(node, what) else { return nil }
        do throws(ValueTextError) {
            return try type.expected(text)
        } catch {
            fault(at: node, "\(what) is '\(text.oneLine)'; expected \(type.text): \(error.reason)")
            return nil
        }
    }

    private mutating func allowed(_ field: Field?, _ type: FeatureType, _ what: String) -> [Value]? {
        guard let field, !isNull(field.value) else { return nil }
        guard type.isListable else {
            fault(
                at: field.key,
                "the \(what) is of type \(type.text), which has no 'in'; it is for bool, int32, int64 and string"
                    + (type.isOrdered ? "; bounds are min and max" : "")
            )
            return nil
        }
        guard let nodes = elements(of: field.value, "'in' of the \(what)", example: "in: [1, 2]") else { return nil }
        guard !nodes.isEmpty else {
            fault(at: field.value, "'in' of the \(what) is empty, so that no value could ever be stored")
            return nil
        }
        guard nodes.count <= DefinitionLimits.allowedValuesMax else {
            fault(
                at: field.value,
                "'in' of the \(what) has \(nodes.count) values; \(DefinitionLimits.allowedValuesMax) are allowed"
            )
            return nil
        }
        var values: [Value] = []
        var seen: Set<[UInt8]> = []
        for node in nodes {
            guard !isNull(node) else {
                fault(
                    at: node,
                    "'in' of the \(what) has a null; nulls pass it, and max_null says how many there may be"
                )
                continue
            }
            guard let value = value(node, type, "a value of 'in' of the \(what)") else { continue }
            guard seen.insert(Array(value.text.utf8)).inserted else {
                fault(at: node, "'in' of the \(what) has '\(value.text.oneLine)' twice")
                continue
            }
            values.append(value)
        }
        return values
    }
}
