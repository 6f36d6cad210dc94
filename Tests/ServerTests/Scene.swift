import Access
import Commands
import Metrics
import NIOCore
import RESPServer
import Wire

/// A connection without a socket, and what its client has received.
///
/// Deferred work is collected, not started, so that a test decides when and in which order it ends.
final class Scene {
    let client: ClientState
    let engine: Engine
    var connection: ClientConnection
    var received: [UInt8] = []
    var starts: [(id: Int64, reply: DeferredReply)] = []
    var commits: [(id: Int64, writes: [any QueuedWrite])] = []
    /// How often a transaction was to let others have their turn.
    var pauseCount = 0
    var cancelCount = 0
    var ending: ClientConnection.Ending?
    var nowMs: Int64 = 1_000_000

    /// Without the bound on time, which large replies of a debug build reach.
    static var patientLimits: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.transactionReadsNs = .max
        return limits
    }

    init(
        engine: Engine = ProbeCommands.engine(),
        limits: ConnectionLimits = patientLimits,
        requestMemory: RequestMemory = RequestMemory(bytesMax: .max)
    ) {
        self.engine = engine
        client = ClientState(id: 7, isAuthenticated: engine.access.isOpen)
        connection = ClientConnection(
            client: client,
            engine: engine,
            limits: limits,
            statistics: engine.statistics.makeLoop(),
            requestMemory: requestMemory,
            nowMs: nowMs
        )
    }

    /// Sends bytes in pieces of at most `size`, and takes the replies after each.
    func send(_ bytes: [UInt8], pieces size: Int = .max) {
        var at = 0
        while at < bytes.count {
            let end = size < bytes.count - at ? at + size : bytes.count
            take(connection.bytesReceived(ByteBuffer(bytes: bytes[at..<end]), nowNs: nowMs * 1_000_000))
            at = end
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func finish(_ id: Int64, _ text: String) {
        take(connection.replyReady(id, { $0.bulk(text) }, nowNs: nowMs * 1_000_000))
    }

    func take(_ actions: ClientConnection.Actions) {
        starts += actions.starts
        if let commit = actions.commit { commits.append(commit) }
        cancelCount += actions.cancels.count
        takeOutput()
        if let ending = actions.ending { self.ending = ending }
        // Room there is, as long as a test does not say otherwise.
        while connection.needsRoom, ending == nil, isTaking {
            let more = connection.outputDrained(nowNs: nowMs * 1_000_000)
            starts += more.starts
            if let commit = more.commit { commits.append(commit) }
            takeOutput()
            if let ending = more.ending { self.ending = ending }
            if more.waitMs > 0 { waitCount += 1 }
            if more.pauses { paused() }
        }
        if actions.waitMs > 0 { waitCount += 1 }
        if actions.pauses { paused() }
    }

    var isTaking = true
    /// How often a turn was to come later than at once.
    private(set) var waitCount = 0
    /// Whether a transaction that lets others have their turn goes on at once.
    var isTurning = true

    private func paused() {
        pauseCount += 1
        if isTurning { takeTurn() }
    }

    func takeTurn() { take(connection.turnCame(nowNs: nowMs * 1_000_000)) }

    var wantsInput: Bool { connection.wantsInput }
    var needsRoom: Bool { connection.needsRoom }

    func passTime(_ nowMs: Int64, _ unsentBytes: Int) -> ClientConnection.Ending? {
        connection.timePassed(nowMs: nowMs, unsentBytes: unsentBytes)
    }

    private func takeOutput() {
        guard connection.hasOutput else { return }
        received += connection.takeOutput().readableBytesView
        connection.outputTaken()
    }

    /// What was received since the last call.
    func reply() -> String {
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }
}
