import Dispatch
import Hashing
import Synchronization

/// Who may come in, and as whom: the users of the store, the password of `--password-file`, or everybody.
///
/// It says yes or no and knows neither sockets nor protocols nor SQL. Users come by ``replace(_:)``, from whoever watches the
/// store. Once there were users, nobody comes in without being one, also when all of them are removed.
///
/// **Invariant:** what is told of a failure does not depend on whether there is such a user.
package final class AccessControl: Sendable {
    /// What an attempt came to.
    package enum Verdict: Sendable {
        case accepted(Caller)
        /// With the error that the client is told.
        case refused(String)
    }

    package enum Attempt: Sendable {
        case decided(Verdict)
        /// It takes milliseconds: ``verify(user:password:address:_:)``, which calls back.
        case undecided
    }

    package struct Counts: Sendable, Hashable {
        package var users = 0
        /// Wrong passwords, and users that are none.
        package var failures: Int64 = 0
        /// Attempts that were not looked at, since there had been too many failures.
        package var limited: Int64 = 0
        /// Attempts that were not looked at, since too many waited.
        package var busy: Int64 = 0
        /// Attempts that wait now.
        package var waiting = 0
        /// Commands that a caller had no right to.
        package var refusals: Int64 = 0
    }

    private struct State {
        /// `nil` = there never were users.
        var accounts: [String: Account]?
        /// How often an account's callers were sent away, by its number.
        var epochs: [Int64: Int] = [:]
        /// Keyed digests of passwords that were found right, by verifier, so that each connection of a client does not cost
        /// milliseconds.
        var proven: [ScramVerifier: [UInt8]] = [:]
        var limiter = AttemptLimiter()
        var waiting = 0
        /// When a limited address was logged last.
        var loggedMs: Int64 = -1_000_000
    }

    private let ownPassword: Mutex<Password?>
    private let state = Mutex(State())
    private let generationNumber = Atomic<UInt64>(0)
    private let failures = Atomic<Int64>(0)
    private let limited = Atomic<Int64>(0)
    private let busy = Atomic<Int64>(0)
    private let refusals = Atomic<Int64>(0)
    private let queue = DispatchQueue(label: "asof.authentication")
    private let key: [UInt8] = {
        var random = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    }()
    /// Costs what a user's costs, and is nobody's.
    private let nobody = ScramVerifier(
        password: Array("\(UInt64.random(in: 0 ... .max))".utf8),
        salt: [UInt8](repeating: 7, count: AccessLimits.saltBytes),
        iterations: AccessLimits.iterations
    )
    private let log: @Sendable (String) -> Void
    private let clock: @Sendable () -> Int64

    package static let wrong = "WRONGPASS invalid username-password pair or user is disabled."

    /// - Parameters:
    ///   - password: of the user `default`, who may do everything; `nil` = there is none.
    ///   - clock: milliseconds that never go back, by which failures are made up for.
    ///   - log: takes what an operator should see; neither passwords nor what was given for a name.
    package init(
        password: Password? = nil,
        clock: @escaping @Sendable () -> Int64 = { AccessClock.nowMs() },
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.clock = clock
        ownPassword = Mutex(password)
        self.log = log
    }

    // MARK: Users

    /// Moves with each ``replace(_:)`` that changed something: whoever keeps a ``Caller`` asks ``renewed(_:)`` then.
    package var generation: UInt64 { generationNumber.load(ordering: .acquiring) }

    /// Whether everybody comes in.
    package var isOpen: Bool { !hasPassword && state.withLock { $0.accounts == nil } }

    /// Whether the default user has a password of its own.
    package var hasPassword: Bool { ownPassword.withLock { $0 != nil } }

    /// Takes the users as they are now.
    /// - Returns: whether somebody who was let in may have to go; ``renewed(_:)`` tells who.
    @discardableResult
    package func replace(_ accounts: [Account]) -> Bool {
        let new = Dictionary(accounts.map { ($0.name, $0) }) { first, _ in first }
        return state.withLock { state in
            guard !new.isEmpty || state.accounts != nil, new != state.accounts else { return false }
            var isNarrower = state.accounts == nil
            for (name, old) in state.accounts ?? [:] where new[name]?.continues(old) != true {
                state.epochs[old.id, default: 0] += 1
                isNarrower = true
            }
            state.accounts = new
            let verifiers = Set(accounts.flatMap { [$0.verifier] + ($0.previous.map { [$0.verifier] } ?? []) })
            state.proven = state.proven.filter { verifiers.contains($0.key) }
            generationNumber.add(1, ordering: .releasing)
            return isNarrower
        }
    }

    /// Who somebody is now that was let in before; `nil` = nobody any more.
    package func renewed(_ caller: Caller) -> Caller? {
        guard let ticket = caller.ticket else { return isOpen || hasPassword ? caller : nil }
        return state.withLock { state in
            guard let account = state.accounts?[caller.name], account.id == ticket.account,
                state.epochs[account.id, default: 0] == ticket.epoch
            else { return nil }
            return Self.caller(account, state)
        }
    }

    /// A user whom something else than a password has proven, as a certificate; `nil` = there is no such user.
    package func caller(named name: String) -> Caller? {
        state.withLock { state in state.accounts?[name].map { Self.caller($0, state) } }
    }

    /// The users, by name, as ACL LIST tells them.
    package var lines: [String] {
        if isOpen { return ["user default on nopass admin"] }
        let accounts = state.withLock { $0.accounts ?? [:] }
        let users = accounts.values.sorted { $0.name < $1.name }.map { account in
            (["user \(account.name) on"] + account.grants.map(\.text)).joined(separator: " ")
        }
        return (hasPassword ? ["user default on admin"] : []) + users
    }

    package var counts: Counts {
        let (users, waiting) = state.withLock { ($0.accounts?.count ?? 0, $0.waiting) }
        return Counts(
            users: users,
            failures: failures.load(ordering: .relaxed),
            limited: limited.load(ordering: .relaxed),
            busy: busy.load(ordering: .relaxed),
            waiting: waiting,
            refusals: refusals.load(ordering: .relaxed)
        )
    }

    /// Counts a command that was refused for its caller's rights.
    package func countRefusal() { refusals.add(1, ordering: .relaxed) }

    private static func caller(_ account: Account, _ state: State) -> Caller {
        Caller(
            name: account.name,
            rights: Rights(account.grants),
            ticket: Caller.Ticket(account: account.id, epoch: state.epochs[account.id, default: 0])
        )
    }

    // MARK: Passwords

    /// From now on the default user has this password. Whoever was let in before stays.
    package func replace(password: Password) { ownPassword.withLock { $0 = password } }

    /// Begins an attempt; may be called on an event loop.
    /// - Parameter address: the client's, as `127.0.0.1:5000`; empty = of a unix socket.
    package func attempt(
        user: String,
        password given: Span<UInt8>,
        address: String
    ) -> Attempt {
        let nowMs = clock()
        // Whoever has been wrong too often does not learn whether it is right now.
        if let refusal = limitRefusal(user, address, nowMs) { return .decided(.refused(refusal)) }
        if user == "default", let password = ownPassword.withLock({ $0 }) {
            if password.matches(given) { return .decided(.accepted(.unrestricted)) }
            noteFailure(user, address, nowMs)
            return .decided(.refused(Self.wrong))
        }
        if isOpen { return .decided(user == "default" ? .accepted(.unrestricted) : .refused(Self.wrong)) }
        guard given.count <= AccessLimits.passwordBytesMax else {
            noteFailure(user, address, nowMs)
            return .decided(.refused(Self.wrong))
        }
        if let caller = proven(user, given.withUnsafeBufferPointer { Array($0) }) { return .decided(.accepted(caller)) }
        return .undecided
    }

    /// Ends an attempt that was not decided at once: later, from another thread, one at a time. What fails is answered later
    /// than what does not.
    package func verify(
        user: String,
        password: [UInt8],
        address: String,
        _ finish: @escaping @Sendable (Verdict) -> Void
    ) {
        let isAdmitted = state.withLock { state in
            guard state.waiting < AccessLimits.waitingAttemptsMax else { return false }
            state.waiting += 1
            return true
        }
        guard isAdmitted else {
            busy.add(1, ordering: .relaxed)
            return finish(.refused("ERR too many clients authenticate; try again"))
        }
        queue.async { [self] in
            let verdict = decide(user, password, address)
            state.withLock { $0.waiting -= 1 }
            guard case .refused = verdict else { return finish(verdict) }
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(AccessLimits.failureDelayMs)) {
                finish(verdict)
            }
        }
    }

    private func decide(_ user: String, _ password: [UInt8], _ address: String) -> Verdict {
        let nowMs = clock()
        // Others of its address may have failed while it waited, or the same client may have succeeded.
        if let refusal = limitRefusal(user, address, nowMs) { return .refused(refusal) }
        if let caller = proven(user, password) { return .accepted(caller) }
        let account = state.withLock { $0.accounts?[user] }
        let verifiers = self.verifiers(account)
        let matching = tried(verifiers).first { $0.matches(password) }
        guard let account, let matching, verifiers.contains(matching) else {
            noteFailure(user, address, nowMs)
            return .refused(Self.wrong)
        }
        let digest = digest(password)
        return state.withLock { state in
            // It may have been removed meanwhile.
            guard let now = state.accounts?[user], now.id == account.id, self.verifiers(now).contains(matching) else {
                return .refused(Self.wrong)
            }
            state.proven[matching] = digest
            return .accepted(Self.caller(now, state))
        }
    }

    /// What a password is compared with: as many as of every other user, so that who is one, and whose password is being
    /// changed, cannot be told by how long it takes.
    func tried(_ verifiers: [ScramVerifier]) -> [ScramVerifier] {
        verifiers + [ScramVerifier](repeating: nobody, count: AccessLimits.verifiersTried - verifiers.count)
    }

    /// Those that are valid now.
    func verifiers(_ account: Account?) -> [ScramVerifier] {
        guard let account else { return [] }
        guard let previous = account.previous, previous.untilUs > AccessClock.unixUs() else {
            return [account.verifier]
        }
        return [account.verifier, previous.verifier]
    }

    private func proven(_ user: String, _ password: [UInt8]) -> Caller? {
        let digest = digest(password)
        return state.withLock { state in
            guard let account = state.accounts?[user] else { return nil }
            let isProven = verifiers(account).contains { verifier in
                state.proven[verifier].map { ScramVerifier.areEqual($0, digest) } ?? false
            }
            return isProven ? Self.caller(account, state) : nil
        }
    }

    private func digest(_ password: [UInt8]) -> [UInt8] {
        HMAC.sha256(password, key: key)
    }

    private func noteFailure(_ user: String, _ address: String, _ nowMs: Int64) {
        failures.add(1, ordering: .relaxed)
        state.withLock { $0.limiter.failed(user, from: address, nowMs: nowMs) }
    }

    private func limitRefusal(_ user: String, _ address: String, _ nowMs: Int64) -> String? {
        let (seconds, isToLog) = state.withLock { state -> (Int?, Bool) in
            let seconds = state.limiter.secondsToWait(user, from: address, nowMs: nowMs)
            guard let seconds else { return (nil, false) }
            let isToLog = nowMs - state.loggedMs >= 10_000
            if isToLog { state.loggedMs = nowMs }
            return (seconds, isToLog)
        }
        guard let seconds else { return nil }
        limited.add(1, ordering: .relaxed)
        if isToLog {
            log("too many failed passwords from \(address.isEmpty ? "a unix socket" : address): it has to wait")
        }
        return "WRONGPASS too many failed attempts from this address; try again in \(seconds) s"
    }
}
