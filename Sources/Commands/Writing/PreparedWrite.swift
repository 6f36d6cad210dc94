package import Serving
package import Wire

/// A write command that was checked and waits to be submitted, alone or with the others of its transaction.
package struct PreparedWrite: QueuedWrite {
    /// Writes the reply of a write that is stored, or was before.
    package typealias Reply = @Sendable (WriteReceipt.Item, inout ReplyWriter) -> Void

    /// Makes rows of a command's text; of no more than the others of its transaction leave.
    typealias Decode = @Sendable (WriteAllowance) -> Result<Decoded, CommandFault>

    /// Rows and the reply that counts them.
    struct Decoded: Sendable {
        var item: RowWrite.Item
        /// Errors that the reply tells.
        var errorCount = 0
        var reply: Reply

        /// Whether the store has anything to do with it: rows, or a number to look up.
        var isToSubmit: Bool { item.rowCount > 0 || item.source != nil }
    }

    enum Work: Sendable {
        case decoded(Decoded)
        /// Its text is so long that an event loop would stand still.
        case undecoded(byteCount: Int, Decode)
        case refused(CommandFault)

        func decode(within allowance: inout WriteAllowance) -> Result<Decoded, CommandFault> {
            let result: Result<Decoded, CommandFault>
            do throws(CommandFault) {
                try allowance.check()
                result =
                    switch self {
                    case .decoded(let decoded): .success(decoded)
                    case .undecoded(_, let decode): decode(allowance)
                    case .refused(let fault): .failure(fault)
                    }
            } catch { result = .failure(error) }
            if case .success(let decoded) = result { allowance.take(decoded) }
            return result
        }
    }

    let work: Work
    /// The number that the write's source gave it; known before the write is decoded.
    let source: SourceSequence?

    init(_ decoded: Decoded) {
        work = .decoded(decoded)
        source = decoded.item.source
    }

    init(byteCount: Int, source: SourceSequence?, _ decode: @escaping Decode) {
        work = .undecoded(byteCount: byteCount, decode)
        self.source = source
    }

    /// A numbered write that cannot be stored, on its way to where its number is noted as failed.
    init(refused fault: CommandFault, source: SourceSequence) {
        work = .refused(fault)
        self.source = source
    }

    /// What is left of a write that is refused unread: its number, to be noted as failed.
    init?(unread source: SourceSequence?) {
        guard let source else { return nil }
        self.init(refused: CommandFault(.general, "the write was refused"), source: source)
    }

    package var refusal: CommandFault? {
        if case .refused(let fault) = work { fault } else { nil }
    }

    /// Submits a single command.
    func submit(
        to writer: GroupWriter,
        client: Int64,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        Self.submit([self], to: writer, client: client) { bodies in
            finish(bodies.first ?? { $0.fault(CommandFault(.general, "the write was not answered")) })
        }
    }

    /// Submits the commands of a transaction: all are stored, at one position, or none is.
    ///
    /// - Parameter finish: gets one reply a command, in order, once, from any thread.
    package static func submit(
        _ writes: [PreparedWrite],
        to writer: GroupWriter,
        client: Int64,
        _ finish: @escaping @Sendable ([DeferredReply.Body]) -> Void
    ) {
        var byteCount = 0
        var decoded: [Decoded] = []
        for write in writes {
            switch write.work {
            case .decoded(let done): decoded.append(done)
            case .undecoded(let bytes, _): byteCount += bytes * 3
            case .refused: break
            }
        }
        let replies = WriteReplies(count: writes.count, finish)
        if decoded.count == writes.count {
            replies.decoded = decoded
            guard decoded.contains(where: \.isToSubmit) else { return replies.nothingToStore() }
            return writer.submit(WriteJob(RowWrite(decoded.map(\.item))) { replies.committed($0) }, client: client)
        }
        let job = WriteJob(byteCount: byteCount, numbers: writes.compactMap(\.source)) {
            var allowance = WriteAllowance()
            for (index, write) in writes.enumerated() {
                switch write.work.decode(within: &allowance) {
                case .success(let done): replies.decoded.append(done)
                case .failure(let fault): return .none { replies.failed(at: index, fault) }
                }
            }
            guard replies.decoded.contains(where: \.isToSubmit) else { return .none { replies.nothingToStore() } }
            return .write(RowWrite(replies.decoded.map(\.item)))
        } finish: {
            replies.committed($0)
        }
        writer.submit(job, client: client)
    }
}

/// The replies of writes that were submitted together.
private final class WriteReplies: @unchecked Sendable {
    // Sendable: handed from the event loop to the writer's decoding thread to its committing thread, each of which is
    // done with it before the next one has it.
    var decoded: [PreparedWrite.Decoded] = []
    private let count: Int
    private let finish: @Sendable ([DeferredReply.Body]) -> Void

    init(count: Int, _ finish: @escaping @Sendable ([DeferredReply.Body]) -> Void) {
        self.count = count
        self.finish = finish
    }

    func committed(_ result: Result<WriteReceipt, WriteFailure>) {
        switch result {
        case .success(let receipt):
            finish(
                zip(decoded, receipt.items).map { decoded, item in { decoded.reply(item, &$0) } }
            )
        case .failure(let failure):
            let fault = CommandFault(failure)
            finish((0..<count).map { _ in { $0.fault(fault) } })
        }
    }

    func nothingToStore() {
        let none = WriteReceipt.Item(isDuplicate: false, position: 0)
        finish(decoded.map { decoded in { decoded.reply(none, &$0) } })
    }

    /// One command cannot be decoded, so that none is stored.
    func failed(at index: Int, _ fault: CommandFault) {
        let other = CommandFault(
            .general,
            "nothing of the transaction is stored: its write \(index + 1) failed with \(fault.code.rawValue)"
        )
        finish((0..<count).map { place in { $0.fault(place == index ? fault : other) } })
    }
}
