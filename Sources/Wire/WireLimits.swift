import Features

/// Every bound on what a client may send and be sent, with its reason. See `Limits` of Store for what of it users read.
package enum WireLimits {
    // MARK: Requests

    /// Arguments of a command, its name among them, and of all commands of a transaction together.
    package static let argumentsMax = 1_048_576
    /// One argument, where `--max-bulk` says nothing else.
    package static let bulkBytesMax = 64 << 20
    /// An inline line, or one that tells a length.
    package static let lineBytesMax = 64 << 10
    /// A request, and all commands of a transaction together.
    package static let requestBytesMax = 512 << 20
    /// The arguments of FS.GET, FS.MGET and FS.SERVE: they are kept, beside what is counted, until the read has its turn.
    package static let readBytesMax = 64 << 20

    // MARK: Line protocol

    /// Tags of one point: as many as a view has entity keys at most.
    package static let pointTagsMax = DefinitionLimits.keysMax
    /// Fields of one point, those that are there twice counted twice: as many as PostgreSQL's tables have columns.
    package static let pointFieldsMax = DefinitionLimits.tableColumnsMax

    // MARK: Replies

    /// A reply: clients keep it whole, and so does the server until it is sent.
    package static let replyBytesMax = 256 << 20
    /// Values of a reply, arrays and maps among them: what a client makes of a value takes far more than its bytes.
    package static let replyValuesMax = 16 << 20
    /// What a transaction's reads find in memory: they are written at one position, in one go, while the other connections of
    /// the event loop wait.
    package static let transactionReadBytesMax = 64 << 20
    /// How many values that may be.
    package static let transactionReadValuesMax = 1 << 18
    /// Arguments of a transaction's reads: an entity takes about a microsecond to be understood.
    package static let transactionReadArgumentsMax = 65_536

    // MARK: Inside

    /// What a reply may always have, even where a transaction's bound is used up: that a name was set, or a position.
    package static let shortReplyBytes = 128
    package static let shortReplyValues = 8

    /// How they relate.
    package static func check() {
        precondition(lineBytesMax < bulkBytesMax)
        precondition(bulkBytesMax < requestBytesMax)
        precondition(readBytesMax <= requestBytesMax)
        precondition(argumentsMax <= replyValuesMax, "a reply has a value for each argument")
        precondition(bulkBytesMax < replyBytesMax, "a client can be sent what it stored")
        precondition(transactionReadBytesMax <= replyBytesMax)
        precondition(transactionReadValuesMax <= replyValuesMax)
        precondition(transactionReadArgumentsMax <= argumentsMax)
        precondition(shortReplyBytes < transactionReadBytesMax)
        precondition(replyBytesMax + requestBytesMax < Int(UInt32.max), "a buffer counts in 32 bits")
    }
}

/// What one reply may be at most, and what its client is told where it would be more.
package struct ReplyLimits: Hashable, Sendable {
    package var bytesMax: Int
    /// Arrays and maps count, and so does each of their elements.
    package var valuesMax: Int
    /// Where bytes or values of several replies are counted together, whose they are.
    package var isOfTransaction = false

    package init(bytesMax: Int, valuesMax: Int, isOfTransaction: Bool = false) {
        self.bytesMax = bytesMax
        self.valuesMax = valuesMax
        self.isOfTransaction = isOfTransaction
    }

    /// A reply that stands for itself.
    package static let reply = ReplyLimits(
        bytesMax: WireLimits.replyBytesMax,
        valuesMax: WireLimits.replyValuesMax
    )

    /// The sentence behind `FSLIMIT`.
    package var message: String {
        if isOfTransaction {
            return "the replies of EXEC together have more than \(Self.size(WireLimits.replyBytesMax)) or "
                + "\(WireLimits.replyValuesMax) values, or its reads of values in memory more than "
                + "\(Self.size(WireLimits.transactionReadBytesMax)) or \(WireLimits.transactionReadValuesMax); queue fewer, "
                + "or send large reads outside MULTI"
        }
        return
            "the reply has more than \(Self.size(bytesMax)) or \(valuesMax) values; ask for fewer entities, features "
            + "or rows"
    }

    /// The error in the reply's place.
    package var refusal: String { "FSLIMIT \(message)" }

    private static func size(_ bytes: Int) -> String { bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes) bytes" }
}
