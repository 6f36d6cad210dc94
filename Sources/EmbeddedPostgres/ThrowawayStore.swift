import Glibc

/// A cluster of its own for one run, which leaves nothing behind.
///
/// Like any embedded cluster it has a supervisor: of a run that was killed the server ends when it was idle long enough; its
/// folder, in the folder for temporary files, stays.
package struct ThrowawayStore {
    /// For files of the run.
    package let folder: String
    package let running: RunningCluster

    /// Makes and starts it.
    /// - Parameter parent: the folder that it is made in.
    /// - Complexity: about two seconds.
    package init(in parent: String) throws(ClusterError) {
        var template = Array("\(parent)/asof-test-XXXXXX".utf8CString)
        guard let made = template.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap { mkdtemp($0) } }) else {
            throw .system(operation: "making a folder in", path: parent, code: errno)
        }
        folder = String(cString: made)
        // The server's user must come to its data.
        chmod(folder, 0o755)
        running = try EmbeddedCluster.create(in: folder).open()
    }

    /// How to reach another database of the cluster.
    package func conninfo(database: String) -> String { "\(running.conninfo) dbname=\(database)" }

    /// Ends the server and removes everything.
    package func remove() {
        let location = running.cluster.location
        switch ServerState(ofDataIn: location.data) {
        case .stopped: break
        case .starting(let server), .ready(let server), .stopping(let server): _ = server.stop(seconds: 5)
        }
        running.close()
        _ = try? Subprocess.run(["/bin/rm", "-rf", "--", folder, location.home], seconds: 600)
    }
}
