import Dispatch
import Foundation
import Postgres
package import Store

/// Threads with a connection each, for reads that need PostgreSQL.
///
/// A connection is made when it is first needed and again after it was lost. While PostgreSQL is away, reads are refused
/// at once, but for one now and then that tries.
package final class SessionWorkers: @unchecked Sendable {
    // Sendable: `lock` guards the queue and what is known of PostgreSQL; each session is its thread's alone.
    private struct Job {
        let run: (Result<Session, StoreError>) -> Void
        /// By when it is answered, whatever PostgreSQL does.
        let deadline: ContinuousClock.Instant
    }

    /// How long after a failure PostgreSQL is taken to be away.
    private static let retryMs = 500

    private let conninfo: String
    private let statementTimeoutMs: Int
    private let loaded: LoadedStore?
    private let lock = NSLock()
    private let available = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let interruption = Interruption()
    private let threadCount: Int
    private var jobs: [Job] = []
    private var isStopping = false
    /// Until when PostgreSQL is taken to be away, and why.
    private var down: (until: ContinuousClock.Instant, error: StoreError)?

    /// - Parameter loaded: the store that reads must be of; `nil` = any.
    package init(
        conninfo: String,
        threads: Int = 2,
        statementTimeoutMs: Int = ServingLimits.historyTimeoutMs,
        loaded: LoadedStore? = nil
    ) {
        self.conninfo = conninfo
        self.loaded = loaded
        self.statementTimeoutMs = statementTimeoutMs
        threadCount = threads
    }

    package func start() {
        for _ in 0..<threadCount {
            let thread = Thread { [self] in work() }
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Ends the threads once what they have begun is done; what waits is refused.
    ///
    /// - Parameter end: when what they have begun is given up, too.
    package func stop(until end: ContinuousClock.Instant = .now + .seconds(10)) {
        let waiting = lock.withLock {
            isStopping = true
            let waiting = jobs
            jobs = []
            return waiting
        }
        for job in waiting { job.run(.failure(.conflict("the server is shutting down"))) }
        for _ in 0..<threadCount { available.signal() }
        _ = ended.wait(for: threadCount, until: end, thenInterrupting: interruption)
    }

    /// Runs `body` on one of the threads.
    ///
    /// It is answered, with an error if need be, ``WaitLimits/graceMs`` after the time that a statement may take, and the
    /// time for connecting: also where threads hang that it waits for.
    /// - Parameter finish: called once, from any thread.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws(StoreError) -> Value,
        finish: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        let refusal: StoreError? = lock.withLock {
            if isStopping { return .conflict("the server is shutting down") }
            if let down, down.until > .now { return down.error }
            if jobs.count >= ServingLimits.waitingReadsMax {
                return .conflict("\(jobs.count) reads wait for PostgreSQL already")
            }
            let run: (Result<Session, StoreError>) -> Void = { [loaded] session in
                switch session {
                case .failure(let error): finish(.failure(error))
                case .success(let session):
                    do throws(StoreError) {
                        let value = if let loaded { try loaded.confirming(session, body) } else { try body(session) }
                        finish(.success(value))
                    } catch { finish(.failure(error)) }
                }
            }
            jobs.append(
                Job(run: run, deadline: .now + .milliseconds(statementTimeoutMs + WaitLimits.graceMs))
            )
            return nil
        }
        if let refusal { return finish(.failure(refusal)) }
        available.signal()
    }

    private func work() {
        var session: Session?
        while true {
            available.wait()
            var job: Job?
            let isLast = lock.withLock {
                if !jobs.isEmpty { job = jobs.removeFirst() }
                return isStopping
            }
            if let job { run(job, &session) }
            if isLast { break }
        }
        ended.signal()
    }

    private func run(_ job: Job, _ session: inout Session?) {
        guard job.deadline > .now else { return job.run(.failure(.database(Self.late))) }
        if session?.connection.isAlive != true { session = nil }
        if session == nil {
            // Whoever waited meanwhile is told what the last attempt was told, instead of waiting for one of its own.
            if let down = lock.withLock({ down }), down.until > .now { return job.run(.failure(down.error)) }
            do throws(StoreError) {
                let made = try Session(conninfo: conninfo, connectTimeoutSeconds: 2, interruption: interruption)
                made.statementTimeoutMs = statementTimeoutMs
                session = made
                lock.withLock { down = nil }
            } catch {
                lock.withLock { down = (.now + .milliseconds(Self.retryMs), error) }
                return job.run(.failure(error))
            }
        }
        guard let session else { return }
        session.connection.deadline = job.deadline
        job.run(.success(session))
        session.connection.rollBack()
    }

    private static let late = PostgresError(
        kind: .noAnswer,
        message: "PostgreSQL has not answered the reads before this one in time"
    )
}
