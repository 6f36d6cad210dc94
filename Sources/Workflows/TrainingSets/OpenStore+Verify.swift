import Columnar

extension OpenStore {
    /// Makes a training set again, from the spine in its file and the state and rules in its manifest, and compares.
    ///
    /// - Parameter warning: gets segments that are there and could not be read, with the reason.
    /// - Throws: where the set cannot be checked: ``VerificationObstacle``, ``ColumnarError`` where its file cannot be read,
    ///   ``StoreError``, ``WorkflowError``.
    /// - Complexity: time as the file's rows and, in a scan, history's; a file that differs is read once or twice more. Sets
    ///   the process's ``TableWriter/limitThreads(_:)``.
    package func verify(_ request: VerifyRequest, warning: (String) -> Void = { _ in }) throws -> VerifyResult {
        try control.run {
            TableWriter.limitThreads(request.lookup.threads)
            return try SetComparison(request, self).result(warning)
        }
    }
}
