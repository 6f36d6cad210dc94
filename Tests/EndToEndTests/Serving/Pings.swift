import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// A client on a thread of its own that asks again and again how long a PING takes, with a read of features behind it where
/// one is given.
final class Pings: Sendable {
    private struct State {
        var delaysMs: [Int] = []
        var failure: (any Error)?
        var isStopping = false
        var isDone = false
    }

    private let state = Mutex(State())

    /// - Parameters:
    ///   - user: name and password; `nil` = the server asks for none.
    ///   - read: a command that no error answers.
    init(port: Int, as user: (name: String, password: String)? = nil, read: [String] = []) {
        Thread.detachNewThread { [self] in
            do {
                let client = try RespClient(port: port)
                if let user, try client.run("AUTH", user.name, user.password) != .simple("OK") {
                    throw Trouble("the password is not taken")
                }
                while !state.withLock({ $0.isStopping }) {
                    let start = ContinuousClock.now
                    guard try client.run("PING") == .simple("PONG") else { break }
                    if !read.isEmpty {
                        client.send(RespClient.request(read))
                        let reply = try client.reply()
                        if reply.isError { throw Trouble("\(read): \(reply)") }
                    }
                    let delay = ContinuousClock.now - start
                    state.withLock { $0.delaysMs.append(Int(delay / .milliseconds(1))) }
                    Patience.pass(microseconds: 2_000, "the pace of the questions")
                }
            } catch {
                state.withLock { $0.failure = error }
            }
            state.withLock { $0.isDone = true }
        }
    }

    func waitForMore(_ count: Int) {
        let before = state.withLock { $0.delaysMs.count }
        _ = Patience.wait(seconds: 30) { self.state.withLock { $0.delaysMs.count >= before + count || $0.isDone } }
    }

    /// - Returns: how long each took since the last call, in milliseconds, the one that was under way among them.
    func take() throws -> [Int] {
        waitForMore(1)
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return state.withLock { state in
            defer { state.delaysMs = [] }
            return state.delaysMs
        }
    }

    /// - Returns: how long each took, in milliseconds.
    func stop() throws -> [Int] {
        state.withLock { $0.isStopping = true }
        #expect(Patience.wait(seconds: 30) { self.state.withLock { $0.isDone } })
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return state.withLock { $0.delaysMs }
    }
}
