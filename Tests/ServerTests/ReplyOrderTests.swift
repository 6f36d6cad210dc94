import NIOCore
import RESPServer
import TestSupport
import Testing

/// Replies that come later, and what may run before them.
@Suite struct ReplyOrderTests {
    @Test func `writes overlap, and are answered in order whichever ends first`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("PING\r\nprobe.set a\r\nprobe.set b\r\nprobe.set BAD\r\nprobe.set c\r\n")
        #expect(scene.starts.map(\.id) == [0, 1, 2])
        #expect(scene.reply() == "+PONG\r\n")
        scene.finish(1, "B")
        #expect(scene.reply() == "")
        scene.finish(0, "A")
        #expect(scene.reply() == "$1\r\nA\r\n$1\r\nB\r\n-FSVALUE bad value\r\n")
        scene.finish(2, "C")
        #expect(scene.reply() == "$1\r\nC\r\n")
        scene.send("PING\r\n")
        #expect(scene.reply() == "+PONG\r\n")
    }

    @Test func `anything but a write waits for the writes before it`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nPING 1\r\nprobe.set b\r\nPING 2\r\n")
        #expect(scene.starts.map(\.id) == [0])
        scene.finish(0, "A")
        #expect(scene.reply() == "$1\r\nA\r\n$1\r\n1\r\n")
        #expect(scene.starts.map(\.id) == [0, 1])
        scene.finish(1, "B")
        #expect(scene.reply() == "$1\r\nB\r\n$1\r\n2\r\n")
    }

    @Test func `nothing overlaps a read that takes time`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.get a\r\nprobe.set b\r\nprobe.get c\r\n")
        #expect(scene.starts.map(\.id) == [0])
        scene.finish(0, "A")
        #expect(scene.starts.map(\.id) == [0, 1])
        scene.finish(1, "B")
        #expect(scene.starts.map(\.id) == [0, 1, 2])
        scene.finish(2, "C")
        #expect(scene.reply() == "$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n")
    }

    @Test func `a reply that comes twice, or to nothing, changes nothing`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nprobe.set b\r\n")
        scene.finish(5, "no")
        scene.finish(1, "B")
        scene.finish(1, "again")
        scene.finish(0, "A")
        scene.finish(0, "again")
        #expect(scene.reply() == "$1\r\nA\r\n$1\r\nB\r\n")
    }

    @Test("random commands are answered in order, however their bytes come and whenever they end", arguments: 1...20)
    func order(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let scene = Scene(engine: ProbeCommands.engine())
        var expected = ""
        var sent: [UInt8] = []
        var answers: [String] = []
        for number in 0..<60 {
            let kinds = ["probe.set s", "probe.get g", "PING \(number)", "probe.set BAD", "nosuch"]
            let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
            sent += Array("\(kind)\r\n".utf8)
            switch kind {
            case "probe.set BAD": expected += "-FSVALUE bad value\r\n"
            case "nosuch": expected += "-ERR unknown command 'nosuch', with args beginning with: \r\n"
            case "PING \(number)": expected += "$\("\(number)".utf8.count)\r\n\(number)\r\n"
            default:
                answers.append("\(number)")
                expected += "$\("\(number)".utf8.count)\r\n\(number)\r\n"
            }
        }
        var open: [Int64] = []
        var known = 0
        var rest = sent[...]
        var rounds = 0
        while !rest.isEmpty || scene.starts.count < answers.count || !open.isEmpty {
            rounds += 1
            #expect(rounds < 10_000, "seed \(seed)")
            if rounds >= 10_000 { return }
            if !rest.isEmpty, Bool.random(using: &random) {
                let count = min(rest.count, Int.random(in: 1...40, using: &random))
                scene.send(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            } else if let index = open.indices.randomElement(using: &random) {
                let id = open.remove(at: index)
                scene.finish(id, answers[Int(id)])
            }
            while known < scene.starts.count {
                open.append(scene.starts[known].id)
                known += 1
            }
        }
        #expect(scene.reply() == expected, "seed \(seed)")
    }

    @Test func `writes of a connection that are under way are bounded`() {
        var limits = ConnectionLimits()
        limits.writesInFlightMax = 3
        let scene = Scene(engine: ProbeCommands.engine(), limits: limits)
        scene.send(String(repeating: "probe.set a\r\n", count: 5))
        #expect(scene.starts.count == 3)
        scene.finish(1, "B")
        #expect(scene.starts.count == 3)
        scene.finish(0, "A")
        #expect(scene.starts.count == 5)
    }

    @Test func `what a client sends while it waits is kept up to a bound, then not read`() {
        var limits = ConnectionLimits()
        limits.waitingBytesMax = 100
        let scene = Scene(engine: ProbeCommands.engine(), limits: limits)
        scene.send("probe.get a\r\n")
        #expect(scene.wantsInput)
        scene.send(String(repeating: "PING\r\n", count: 10))
        #expect(scene.wantsInput)
        scene.send(String(repeating: "PING\r\n", count: 10))
        #expect(!scene.wantsInput)
        scene.finish(0, "A")
        #expect(scene.wantsInput)
        #expect(scene.reply() == "$1\r\nA\r\n" + String(repeating: "+PONG\r\n", count: 20))
    }
}
