import NIOCore

/// Writes Prometheus's text format, version 0.0.4.
struct MetricsWriter {
    enum Kind: String { case counter, gauge, histogram, summary }

    private(set) var buffer = ByteBuffer()

    /// Begins a metric; its samples follow at once.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        let help = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        buffer.writeString("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int64) {
        line(name, labels, String(value))
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        line(name, labels, value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : value.description)
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        buffer.writeString(name)
        for (index, label) in labels.enumerated() {
            let text = label.1.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            buffer.writeString("\(index == 0 ? "{" : ",")\(label.0)=\"\(text)\"")
        }
        buffer.writeString(labels.isEmpty ? " \(value)\n" : "} \(value)\n")
    }

    mutating func gauge(_ name: String, _ help: String, _ labels: [(String, String)], _ value: Int64) {
        begin(name, .gauge, help)
        sample(name, labels, value)
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Int64) { gauge(name, help, [], value) }

    mutating func gauge(_ name: String, _ help: String, seconds value: Double) {
        begin(name, .gauge, help)
        sample(name, [], value)
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int64) {
        begin(name, .counter, help)
        sample(name, [], value)
    }

    mutating func summary(_ name: String, _ help: String, sum: Double, count: Int64) {
        begin(name, .summary, help)
        sample("\(name)_sum", [], sum)
        sample("\(name)_count", [], count)
    }

    /// A bound of a bin, without zeros at its end.
    static func seconds(us: Int64) -> String { (Double(us) / 1e6).description }
}
