import Foundation
import Glibc
import Synchronization
import TestSupport

@testable import Serving

/// A client's connection to a server: what it sends, without waiting, and what it is told.
final class OrderConnection: @unchecked Sendable {
    // Sendable: one thread sends, another one reads; `waiting` is what they share.
    private struct Waiting {
        var answers: [WriterFixture.Answer] = []
        var isGone = false
    }

    private let client: RespClient
    private let waiting = Mutex(Waiting())
    private let isRead = DispatchSemaphore(value: 0)

    init(_ client: RespClient) throws {
        self.client = client
        client.setTimeouts(seconds: 600)
        try client.run("HELLO", "3")
        Thread.detachNewThread { [self] in
            read()
            isRead.signal()
        }
    }

    /// Sends a write of one command.
    func send(_ words: [String]) -> WriterFixture.Answer {
        let answer = WriterFixture.Answer()
        let isGone = waiting.withLock { waiting in
            if !waiting.isGone { waiting.answers.append(answer) }
            return waiting.isGone
        }
        if isGone { answer.set(Self.gone) } else { client.send(RespClient.request(words)) }
        return answer
    }

    /// Goes away; what has not been answered never is.
    func end() {
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        isRead.wait()
        client.close()
    }

    private static let gone: Result<WriteReceipt, WriteFailure> = .failure(.outcomeUnknown("the connection is gone"))

    private func read() {
        while let reply = try? client.reply() {
            let answer = waiting.withLock { $0.answers.isEmpty ? nil : $0.answers.removeFirst() }
            answer?.set(Self.result(reply))
        }
        let rest = waiting.withLock { waiting in
            waiting.isGone = true
            defer { waiting.answers = [] }
            return waiting.answers
        }
        for answer in rest { answer.set(Self.gone) }
    }

    /// A reply of FS.WRITE, as the writer says it.
    private static func result(_ reply: Reply) -> Result<WriteReceipt, WriteFailure> {
        guard case .error(let line) = reply else {
            var position: Int64 = 0
            if case .integer(let value)? = reply["position"] { position = value }
            let isDuplicate = reply["duplicate"] == .bool(true)
            return .success(WriteReceipt(items: [.init(isDuplicate: isDuplicate, position: position)]))
        }
        let text = String(line.drop { $0 != " " }.dropFirst())
        switch line.prefix(while: { $0 != " " }) {
        case "FSORDER": return .failure(.outOfOrder(text))
        case "FSTIMEOUT": return .failure(.timeout(text))
        case "FSLIMIT": return .failure(.full(text))
        case "LOADING": return .failure(.unavailable(text))
        case "FSUNAVAILABLE" where text.contains("is unknown"): return .failure(.outcomeUnknown(text))
        case "FSUNAVAILABLE": return .failure(.unavailable(text))
        default: return .failure(.refused(line))
        }
    }
}
