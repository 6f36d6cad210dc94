package import Foundation

/// Facts that tests are held to, in files of JSON: the project's own in `Tests/Cases`, and those that add to them in
/// `ASOF_CASES`, or in `shared/cases` beside the repository.
package enum Cases {
    /// The folder of the repository.
    package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let folders: [URL] = {
        let named = ProcessInfo.processInfo.environment["ASOF_CASES"].flatMap { $0.isEmpty ? nil : $0 }
        return [
            repository.appendingPathComponent("Tests/Cases"),
            named.map { URL(fileURLWithPath: $0) }
                ?? repository.deletingLastPathComponent().appendingPathComponent("shared/cases"),
        ]
    }()

    private struct File<Case: Decodable>: Decodable { let cases: [Case] }

    /// All cases of the files whose names begin so, each once.
    ///
    /// A run ends where the project's own are not there or not readable: a test without its cases would show nothing.
    /// - Parameters:
    ///   - prefix: how the files' names begin; they end with `.json`.
    ///   - name: what a case is told from others by. Where two have one name, the project's own counts.
    package static func read<Case: Decodable>(_ prefix: String, _: Case.Type, name: (Case) -> String) -> [Case] {
        var seen: Set<String> = []
        var all: [Case] = []
        for (index, folder) in folders.enumerated() {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            for file in names.sorted() where file.hasPrefix(prefix) && file.hasSuffix(".json") {
                do {
                    let data = try Data(contentsOf: folder.appendingPathComponent(file))
                    all += try JSONDecoder().decode(File<Case>.self, from: data).cases
                        .filter { seen.insert(name($0)).inserted }
                } catch {
                    fatalError("\(file) in \(folder.path) is not as Tests/Cases/README.md says: \(error)")
                }
            }
            precondition(index > 0 || !all.isEmpty, "there are no cases \(prefix)*.json in \(folder.path)")
        }
        return all
    }
}
