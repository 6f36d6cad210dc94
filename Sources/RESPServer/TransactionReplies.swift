import Wire

/// What the replies of a transaction may still have together: as much as one reply. Each may have a few bytes in any case.
struct TransactionReplies {
    private var bytes = WireLimits.replyBytesMax
    private var values = WireLimits.replyValuesMax
    private var readBytes = WireLimits.transactionReadBytesMax
    private var readValues = WireLimits.transactionReadValuesMax

    /// Whether nothing but short replies has room.
    var isUsedUp: Bool { bytes <= 0 || values <= 0 }

    /// Of a reply that comes later.
    var limits: ReplyLimits { Self.limits(bytes, values) }

    /// Of a reply that is written while the transaction runs.
    var readLimits: ReplyLimits { Self.limits(min(bytes, readBytes), min(values, readValues)) }

    private static func limits(_ bytes: Int, _ values: Int) -> ReplyLimits {
        ReplyLimits(
            bytesMax: max(bytes, WireLimits.shortReplyBytes),
            valuesMax: max(values, WireLimits.shortReplyValues),
            isOfTransaction: true
        )
    }

    mutating func take(_ used: (bytes: Int, values: Int)) {
        bytes -= used.bytes
        values -= used.values
    }

    mutating func takeRead(_ used: (bytes: Int, values: Int)) {
        take(used)
        readBytes -= used.bytes
        readValues -= used.values
    }
}
