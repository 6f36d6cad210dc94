import Serving
import Wire

/// Every bound of single commands, with its reason. See `Limits` of Store for what of it users read.
package enum CommandLimits {
    // MARK: Any command

    /// Arguments of a command, but for FS.MGET and FS.SERVE: they are all looked at while other connections of the event loop
    /// wait, at about a microsecond each.
    package static let argumentsMax = 32_768
    /// A request, but for FS.GET, FS.MGET, FS.SERVE, FS.SET, FS.WRITE, ECHO and PING: what a name, a pattern or an entity has
    /// beyond that is looked at all the same, or made a text of, at about a nanosecond a byte.
    package static let requestBytesMax = 4 << 20
    /// A pattern of SCAN, HSCAN and CONFIG GET, stars in a row as one: each of thousands of keys is compared with it.
    static let patternBytesMax = 32_768
    /// The name of a connection: CLIENT LIST tells all of them.
    static let clientNameBytesMax = 256
    /// Rows that one SCAN looks at, whatever COUNT says: it holds up the other connections of its event loop.
    static let scanRowsMax = 10_000

    // MARK: Waiting

    /// How long MINPOS waits for a position.
    static let positionWaitMs = 5_000
    /// The longest BLOCK of FS.CHANGES.
    static let changesBlockMsMax: Int64 = 3_600_000

    // MARK: Transactions and writes

    /// Commands of a transaction.
    static let transactionCommandsMax = 100_000
    /// Bad points that a reply of FS.WRITE tells of.
    static let toldErrorsMax = 100
    /// Bad points that all replies of a transaction tell of.
    static let transactionErrorsMax = 10_000

    // MARK: The slow log

    /// Commands that SLOWLOG keeps.
    static let slowLogEntriesMax = 128
    /// Arguments that it keeps of each.
    static let slowLogArgumentsMax = 32
    /// What it keeps of each argument.
    static let slowLogArgumentBytesMax = 128

    // MARK: Inside

    /// Lines of FS.WRITE that are longer are decoded on a thread of the writer's.
    static let inlineBytesMax = 16 << 10
    /// Flips of models' names of all clients that wait: each is a transaction.
    static let waitingFlipsMax = 64
    /// Predictions of more nodes of trees and numbers than these are made beside the event loop: about 200 µs.
    static let inlinePredictionWorkMax = 60_000
    /// So are those of which more becomes: 2,000 points of eight bytes may be as many rows of 1,600 nulls.
    static let inlineValueBytesMax = 1 << 20

    static func check() {
        precondition(argumentsMax <= WireLimits.argumentsMax)
        precondition(patternBytesMax < requestBytesMax && requestBytesMax <= WireLimits.requestBytesMax)
        precondition(toldErrorsMax <= transactionErrorsMax)
        precondition(inlineBytesMax < ServingLimits.writeBytesMax)
        precondition(inlineValueBytesMax < ServingLimits.writeValueBytesMax)
    }
}
