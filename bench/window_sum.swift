/// The exact sum of windows against a loop over doubles: each event is added, and removed when 1,000 later ones are in.
///
/// `window-sum COUNT ROUNDS` prints a line for each kind of numbers: its name, and nanoseconds an event of either, the best of all
/// rounds. A sum that is wrong ends it.
@main
struct WindowSum {
    static let width = 1_000

    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        guard arguments.count == 2, arguments[0] > width else { fatalError("window-sum COUNT ROUNDS") }
        var random = SystemRandomNumberGenerator()
        let kinds: [(name: String, range: ClosedRange<Double>)] = [("prices", 1...100), ("both-signs", -50...200)]
        for (name, range) in kinds {
            let values = (0..<arguments[0]).map { _ in Double.random(in: range, using: &random) }
            let expected = values.suffix(width).map { Int128($0 * 0x1p50) }.reduce(0, +)
            var (ours, others) = (Duration.seconds(1_000), Duration.seconds(1_000))
            for _ in 0..<arguments[1] {
                var (exact, plain) = (0.0, 0.0)
                ours = min(ours, ContinuousClock().measure { exact = moveExact(values) })
                others = min(others, ContinuousClock().measure { plain = movePlain(values) })
                guard abs(exact - Double(expected) * 0x1p-50) < 1e-6, abs(exact - plain) < 1e-2 else {
                    fatalError("\(name): \(exact), \(plain)")
                }
            }
            print(name, ours / Duration.nanoseconds(values.count), others / Duration.nanoseconds(values.count))
        }
    }

    @inline(never)
    static func moveExact(_ values: [Double]) -> Double {
        var sum = ExactSum()
        for place in values.indices {
            sum.add(values[place])
            if place >= width { sum.remove(values[place - width]) }
        }
        return sum.value
    }

    @inline(never)
    static func movePlain(_ values: [Double]) -> Double {
        var sum = 0.0
        for place in values.indices {
            sum += values[place]
            if place >= width { sum -= values[place - width] }
        }
        return sum
    }
}
