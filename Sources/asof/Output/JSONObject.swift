import Features

/// One JSON object on one line, its members in the order given.
struct JSONObject {
    private var members: [String] = []

    init(_ members: [(String, Value)] = []) {
        for (name, value) in members { append(name, value) }
    }

    mutating func append(_ name: String, _ value: Value) { members.append("\(Value.quote(name)):\(value.json)") }

    mutating func append(_ name: String, _ object: JSONObject) { members.append("\(Value.quote(name)):\(object.text)") }

    var text: String { "{" + members.joined(separator: ",") + "}" }
}
