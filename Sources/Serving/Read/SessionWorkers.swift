import Dispatch
import Foundation
import Postgres
package import Store

/// Threads with a connection each, for reads that need PostgreSQL.
///
/// A connection is made when it is first needed and again after it was lost. While PostgreSQL is away, reads are refused
/// at once, but for one now and then that tries.
///
/// Those who ask take turns, however much one of them asks for; and where one has all threads, one more is there for the
/// others.
package final class SessionWorkers: @unchecked Sendable {
    // Sendable: `lock` guards the queue and what is known of PostgreSQL; each session is its thread's alone.
    private struct Job {
        let asker: String
        let run: (Result<Session, StoreError>) -> Void
        /// By when it is answered, whatever PostgreSQL does.
        let deadline: ContinuousClock.Instant
    }

    /// How long after a failure PostgreSQL is taken to be away.
    private static let retryMs = 500

    private let conninfo: String
    private let statementTimeoutMs: Int
    private let loaded: LoadedStore?
    private let lock = NSCondition()
    private let ended = DispatchSemaphore(value: 0)
    private let interruption = Interruption()
    private let threadCount: Int
    private var jobs = TakenTurns<Job>()
    /// How many threads each asker has now, without those that have none.
    private var running: [String: Int] = [:]
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
        // The last one is the others'.
        for number in 0...threadCount {
            let thread = Thread { [self] in work(isSpare: number == threadCount) }
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
            defer { lock.broadcast() }
            return jobs.takeAll()
        }
        for job in waiting { job.run(.failure(.conflict("the server is shutting down"))) }
        _ = ended.wait(for: threadCount + 1, until: end, thenInterrupting: interruption)
    }

    /// Runs `body` on one of the threads.
    ///
    /// It is answered, with an error if need be, ``WaitLimits/graceMs`` after the time that a statement may take, and the
    /// time for connecting: also where threads hang that it waits for.
    /// - Parameters:
    ///   - asker: who takes turns with others; "" = everybody for whom nothing else is said.
    ///   - finish: called once, from any thread.
    package func read<Value: Sendable>(
        of asker: String = "",
        _ body: @escaping @Sendable (Session) throws(StoreError) -> Value,
        finish: @escaping @Sendable (Result<Value, StoreError>) -> Void
    ) {
        let refusal: StoreError? = lock.withLock {
            if isStopping { return .conflict("the server is shutting down") }
            if let down, down.until > .now { return down.error }
            if jobs.count >= ServingLimits.waitingReadsMax {
                return .conflict("\(jobs.count) reads wait for PostgreSQL already")
            }
            let own = jobs.count(of: asker)
            if !asker.isEmpty, own >= ServingLimits.waitingReadsOfUserMax {
                return .conflict("\(own) reads of this user wait for PostgreSQL already")
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
            let deadline = ContinuousClock.now + .milliseconds(statementTimeoutMs + WaitLimits.graceMs)
            jobs.append(Job(asker: asker, run: run, deadline: deadline), of: asker)
            lock.broadcast()
            return nil
        }
        if let refusal { finish(.failure(refusal)) }
    }

    private func work(isSpare: Bool) {
        var session: Session?
        while let job = next(isSpare: isSpare) {
            run(job, &session)
            lock.withLock {
                let left = (running[job.asker] ?? 1) - 1
                running[job.asker] = left == 0 ? nil : left
                lock.broadcast()
            }
        }
        ended.signal()
    }

    /// Waits for a job; `nil` = the threads end.
    private func next(isSpare: Bool) -> Job? {
        lock.withLock {
            while !isStopping {
                let isCrowded = running.values.contains { $0 >= threadCount }
                if !isSpare || isCrowded, let job = jobs.next(where: { running[$0, default: 0] < threadCount }) {
                    running[job.asker, default: 0] += 1
                    return job
                }
                lock.wait()
            }
            return nil
        }
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
