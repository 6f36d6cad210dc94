package import Wire

/// What other parts of the server tell the commands that are not about features. Each is called on an event loop and must
/// not block.
package struct EngineHooks: Sendable {
    /// Whether latest values are still being loaded: commands without the flag `loading` are refused then.
    package var isLoading: @Sendable () -> Bool = { false }
    /// What is loaded and how far, or what is waited for, for whoever is refused meanwhile; no values, no names but those of views
    /// that it may be told.
    package var loadingReason: @Sendable (_ isNamed: (_ view: String) -> Bool) -> String = { _ in "" }
    /// As ``ServingState/isHalted``.
    package var isHalted: @Sendable () -> Bool = { false }
    /// Whether definitions were applied that are not served yet.
    package var isTakingDefinitions: @Sendable () -> Bool = { false }
    /// Lines of INFO's sections `asof` and `postgres`.
    package var asofInfo: @Sendable () -> [InfoLine] = { [] }
    package var postgresInfo: @Sendable () -> [InfoLine] = { [] }
    /// How many entities have a latest value, over all views; for DBSIZE.
    package var entityCount: @Sendable () -> Int64 = { 0 }
    /// Bytes that the row of a key `view:entity` takes; `nil` = there is none.
    package var memoryUsage: @Sendable (_ key: String) -> Int64? = { _ in nil }
    /// Microseconds since 1970-01-01 UTC, by PostgreSQL's clock.
    package var nowUs: @Sendable () -> Int64 = { Clock.unixUs() }
    /// Commits the writes of a transaction together, or none of them; calls back once, from any thread, with one reply a
    /// write, in order. `nil` = nothing can be written.
    package var commitTogether: CommitTogether?
    /// Gives up the writes of a transaction that is not run, of the given client.
    package var abandon: @Sendable (_ writes: [any QueuedWrite], _ client: Int64) -> Void = { _, _ in }
    /// As ``Serving/changeCount``: what is read of resident views between two equal counts is of one position.
    package var changeCount: @Sendable () -> UInt64? = { 0 }
    /// Calls the body, in which all reads of resident views see one position; whoever commits waits meanwhile. Or says `false`:
    /// a large commit is being applied, and the body is not called.
    package var readTogether: @Sendable (_ body: () -> Void) -> Bool = {
        $0()
        return true
    }

    package typealias CommitTogether =
        @Sendable (
            _ writes: [any QueuedWrite], _ client: Int64, _ finish: @escaping @Sendable ([DeferredReply.Body]) -> Void
        ) -> Void

    package init() {}
}

extension EngineHooks {
    /// What a client is told of a fault: a name that is not known may be one of definitions that are not served yet.
    package func told(_ fault: CommandFault) -> CommandFault {
        switch fault.code {
        case .noView, .noFeature, .noService: isTakingDefinitions() ? .untilDefinitionsAreServed(fault) : fault
        default: fault
        }
    }
}

/// A write of a transaction, checked but not submitted; the writing part knows what is in it.
package protocol QueuedWrite: Sendable {
    /// Why it cannot be stored, where that is known already and others must still learn of it.
    var refusal: CommandFault? { get }
}

extension QueuedWrite {
    package var refusal: CommandFault? { nil }
}

/// A line of INFO: `name:value`.
package struct InfoLine: Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ value: some BinaryInteger) { self.init(name, String(value)) }
}
