import Columnar
import Features
import Foundation
import Glibc
package import Store

/// Stores the rows of files in views, batch by batch; each batch is one transaction.
package struct IngestWorkflow {
    private let store: OpenStore
    private let registry: Registry

    /// Reads the definitions that all runs go by.
    package init(store: OpenStore) throws {
        self.store = store
        registry = try store.control.run { try Registry.load(store.session) }
    }

    package func hasView(named name: String) -> Bool { registry.views.contains { $0.name == name } }

    /// Whether a view is filled by its own SQL.
    package func isBatchView(named name: String) -> Bool {
        registry.views.contains { $0.name == name && $0.definition.source != nil }
    }

    /// Rows of one batch where nobody says how many.
    ///
    /// A batch holds the rows of its entities until it is committed, and a server applies it before what comes behind it: single
    /// writes wait for both.
    package func batchRowsMax(of content: IngestRequest.Content) -> Int {
        let named: String? =
            switch content {
            case .table(let rules): rules.view
            case .lineProtocol(let view, _, _): view
            }
        let isOnline = registry.views.contains { $0.definition.isOnline && (named == nil || $0.name == named) }
        return isOnline ? Limits.onlineBatchRowsMax : Limits.batchRowsMax
    }

    /// Stores what is not stored yet of a file, or of as much of it as comes before the first bad row.
    ///
    /// Batches that were committed stay, whatever comes then: the same request goes on after them where the source can be
    /// recognized, that is unless it is standard input or a pipe without a name.
    ///
    /// - Parameter progress: called after each batch of rows that was read, on the caller's thread.
    /// - Throws: ``StoppedShort`` with the row and line of what is wrong with a row, and how much is stored; errors of the
    ///   store, the view, the file and its columns before the first row.
    package func run(
        _ request: IngestRequest,
        progress: (IngestProgress) -> Void = { _ in }
    ) throws -> IngestionSummary {
        try store.control.run {
            if let rejects = request.rejects { _ = try OutputPlace.resolve(rejects) }
            guard let input = try open(request) else { return IngestionSummary() }
            var options = request.options
            options.meaning = input.meaning
            options.skipsBadRows = request.rejects != nil
            let identity = try Self.identity(request)
            let ingestion = try Ingestion(
                session: store.session,
                source: identity,
                form: input.form,
                options: options
            )
            let rejected = try request.rejects.map {
                try RejectedRows(path: $0, input, ingestion, isRecognized: identity != nil)
            }
            do {
                while let rows = try input.next(now: ingestion.now) {
                    try store.control.check()
                    let checked = ingestion.check(rows)
                    try rejected?.append(checked, of: input)
                    try ingestion.append(checked)
                    progress(
                        IngestProgress(rows: input.rowsRead, bytes: input.bytesRead, totalBytes: input.totalBytes)
                    )
                }
                // An input may have ended because the run was cancelled.
                try store.control.check()
                var summary = try ingestion.finish()
                summary.rejectedBefore = rejected?.keptCount ?? 0
                if let row = input.openEndedRow, summary.rows > 0 {
                    let place = input.origin(ofRow: row).map { "row \($0.row) of \($0.file)" } ?? "row \(row)"
                    summary.warnings.append(
                        "the last line, \(place), has no line end: where the file was cut off, its last value may be too"
                    )
                }
                return summary
            } catch {
                var cause = error
                // Of the batch under way only what became of its COMMIT adds something to the error that came first.
                do throws(StoreError) { try ingestion.settle() } catch {
                    if RunControl.isUncertain(error) { cause = error }
                }
                throw located(cause, request.shown, input, ingestion, isResumable: identity != nil)
            }
        }
    }

    private func open(_ request: IngestRequest) throws -> (any IngestInput)? {
        switch request.content {
        case .table(let rules): try TableInput(request, rules, try registry.view(named: rules.view))
        case .lineProtocol(let view, let precision, let ignoresExtra):
            try LineProtocolInput(
                request,
                try view.map { [try registry.view(named: $0)] } ?? registry.views,
                precision: precision,
                ignoresExtra: ignoresExtra,
                absent: registry.retiredHints
            )
        }
    }

    private static func identity(_ request: IngestRequest) throws(ColumnarError) -> SourceIdentity? {
        if let source = request.source { return SourceIdentity(name: source) }
        guard request.file != "-" else { return nil }
        if ObjectName.isOne(request.file) {
            let head = try InputHead.read(path: request.file, bytesMax: Limits.sourceHeadBytesMax)
            return SourceIdentity(name: try ObjectName(request.file).lastPart, head: head)
        }
        var status = stat()
        // What a pipe has given is gone: a second look at its head would take bytes from the reader.
        guard stat(request.file, &status) == 0, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return nil }
        let first = PartFolder.isFolder(request.file) ? try PartFolder(request.file).firstPath : request.file
        let head = try InputHead.read(path: first, bytesMax: Limits.sourceHeadBytesMax)
        return SourceIdentity(name: URL(fileURLWithPath: request.file).lastPathComponent, head: head)
    }

    /// Says where an error of the store stands, and what is stored already.
    private func located(
        _ error: any Error,
        _ shown: String,
        _ input: any IngestInput,
        _ ingestion: Ingestion,
        isResumable: Bool
    ) -> StoppedShort {
        var text = "\(error)"
        switch error as? StoreError {
        case .input: text = "\(shown): \(text)"
        case .row(let row, let reason):
            let (file, own) = input.origin(ofRow: row) ?? (shown, row)
            text = "\(file): row \(own)\(input.line(ofRow: row).map { " (line \($0))" } ?? ""): \(reason)"
        default: break
        }
        return StoppedShort(cause: error, what: text, stored: stored(error, shown, ingestion, isResumable))
    }

    /// What is stored, and how to go on; `nil` where nothing is and the input itself is to be mended.
    private func stored(_ error: any Error, _ shown: String, _ ingestion: Ingestion, _ isResumable: Bool) -> String? {
        if let state = ingestion.summary.state {
            return
                "\(CountText.count(ingestion.summary.rows, "row")) of \(shown) are stored (position \(state.position)); "
                + (isResumable
                    ? "the same command goes on after them"
                    : "\(shown) without --source starts over: give it a name to go on after them")
        }
        switch error {
        case StoreError.database, is WorkflowError: break
        default: return nil
        }
        guard ingestion.resumesAt > 0 else { return "nothing of \(shown) is stored yet; give the same command again" }
        return "this run stored nothing of \(shown); the same command goes on after its "
            + "\(CountText.count(ingestion.resumesAt, "row")) that were stored before"
    }
}
