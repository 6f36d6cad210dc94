import RESPServer
import TestSupport
import Testing

/// The published protocol cases, on a connection without a socket.
@Suite struct ProtocolCaseTests {
    @Test(
        "published cases are answered as they say, wherever the bytes are cut",
        arguments: ProtocolCase.all
    )
    func replays(item: ProtocolCase) throws {
        let whole = try replay(item, pieces: .max)
        for pieces in 1...3 {
            #expect(try replay(item, pieces: pieces) == whole, "in pieces of \(pieces)")
        }
        let longest = item.steps.map { $0.send?.unicodeScalars.count ?? 0 }.max() ?? 0
        guard longest < 400 else { return }
        for first in 1..<max(2, longest) {
            #expect(try replay(item, firstPiece: first) == whole, "the first \(first) bytes apart")
        }
    }

    /// - Returns: all replies, without the seconds that CLIENT INFO counts.
    private func replay(_ item: ProtocolCase, pieces: Int = .max, firstPiece: Int? = nil) throws -> String {
        let scene = Scene(engine: ProbeCommands.engine(password: item.password))
        var all = ""
        for (number, step) in item.steps.enumerated() {
            guard step.semantic == nil, step.config == nil else { continue }
            var sent = bytes(latin1: step.send ?? "")
            if step.sendUntilClose != nil { sent = Array(repeating: UInt8(ascii: "p"), count: 70_000) }
            if let firstPiece, firstPiece < sent.count {
                scene.send(Array(sent[..<firstPiece]))
                sent.removeFirst(firstPiece)
            }
            scene.send(sent, pieces: pieces)
            // What a step does not look for, the next one does.
            if step.none == true { continue }
            let received = latin1(scene.received)
            _ = scene.reply()
            all += received
            expect(received, scene.ending, item, number)
        }
        return all.replacing(/\b(age|idle)=\d+/, with: { "\($0.1)=…" })
    }

    private func expect(_ received: String, _ ending: ClientConnection.Ending?, _ item: ProtocolCase, _ number: Int) {
        let step = item.steps[number]
        let place = "\(item.id), step \(number): \(received.debugDescription)"
        if let exact = step.exact { #expect(received == exact, "\(place)") }
        if let prefix = step.prefix { #expect(received.hasPrefix(prefix), "\(place)") }
        if let contains = step.contains { #expect(received.contains(contains), "\(place)") }
        if step.close == true { #expect(ending != nil, "\(place)") }
        if step.open == true { #expect(ending == nil, "\(place)") }
        if let field = step.field, case .text(let name) = field[0], case .number(let value) = field[1] {
            #expect(received.contains("$\(name.utf8.count)\r\n\(name)\r\n:\(value)\r\n"), "\(place)")
        }
    }

    @Test func `a command with very many arguments is accepted`() throws {
        let scene = Scene()
        let names = (0..<20_000).map { "k\($0)" }
        scene.send(RespClient.request(["COMMAND", "INFO"] + names), pieces: 5_000)
        #expect(scene.reply() == "*20000\r\n" + String(repeating: "$-1\r\n", count: 20_000))
    }
}
