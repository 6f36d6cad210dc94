/// A value of a model file, JSON or UBJSON.
indirect enum ModelValue {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    /// A list of numbers or flags only, which nearly all bytes of a model file are.
    case numbers([Double])
    case list([ModelValue])
    case members([(name: String, value: ModelValue)])

    /// - Returns: `nil` where this has no members, or none of that name.
    subscript(name: String) -> ModelValue? {
        guard case .members(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .text: "a text"
        case .numbers, .list: "a list"
        case .members: "an object"
        }
    }
}

extension ModelValue {
    /// - Parameter bytes: JSON where they begin with `{` and what may follow it there, else UBJSON.
    static func read(_ bytes: [UInt8]) throws(ForestError) -> ModelValue {
        guard bytes.count <= ForestLimits.fileBytesMax else {
            throw .tooLarge("it has \(bytes.count) bytes; \(ForestLimits.fileBytesMax) are allowed")
        }
        if let kind = foreignKind(bytes) { throw .foreign(kind) }
        let second = bytes.dropFirst().first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        guard bytes.first == UInt8(ascii: "{"), let second else {
            throw .foreign(bytes.isEmpty ? "an empty file" : "of a kind that is not known")
        }
        if second == UInt8(ascii: "\"") || second == UInt8(ascii: "}") {
            var reader = ModelJSON(bytes)
            return try reader.document()
        }
        var reader = ModelUBJSON(bytes)
        return try reader.document()
    }

    /// What a file is that people may take for one of ours.
    private static func foreignKind(_ bytes: [UInt8]) -> String? {
        func begins(_ text: String) -> Bool { bytes.starts(with: text.utf8) }
        if bytes.first == 0x80, bytes.count > 1, (2...5).contains(bytes[1]) {
            return "a pickle, which can run any program when it is read; save the model with Booster.save_model"
        }
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return "a zip archive (joblib, torch or npz)" }
        if begins("tree\nversion=") { return "LightGBM's text" }
        if begins("binf") || begins("bs64") { return "XGBoost's old binary format; save it as .ubj or .json" }
        if begins("CBM1") { return "CatBoost's" }
        // A field of varint 1 and the version behind it, then the producer's name.
        if bytes.count > 3, bytes[0] == 0x08, bytes[1] < 0x20, bytes[2] == 0x12 { return "ONNX" }
        return nil
    }
}
