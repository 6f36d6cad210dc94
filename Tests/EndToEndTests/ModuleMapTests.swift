import Foundation
import Testing

/// ARCHITECTURE.md's table of modules, against what the sources import and Package.swift declares.
@Suite struct ModuleMapTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Module → those of this package that it uses.
    typealias Map = [String: Set<String>]

    @Test func `the map of modules has the arrows that the sources have`() throws {
        let (imported, written) = (try imports(), try table())
        #expect(written.keys.sorted() == imported.keys.sorted())
        for (module, names) in imported { #expect(written[module] == names, "\(module)") }
    }

    @Test func `a module declares what it imports, and imports what it declares`() throws {
        let (imported, declared) = (try imports(), try package())
        for (module, names) in imported { #expect(declared[module] == names, "\(module)") }
    }

    private func modules() throws -> Set<String> {
        let folder = root.appendingPathComponent("Sources").path
        return Set(try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") })
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Modules in Swift with what they import.
    private func imports() throws -> Map {
        let modules = try modules()
        let isImport = /(?:@\w+ )?(?:package |public |internal |private |fileprivate )?import (\w+).*/
        var map: Map = [:]
        for module in modules {
            let folder = root.appendingPathComponent("Sources/" + module).path
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
            for file in files {
                for line in try text("Sources/\(module)/\(file)").split(separator: "\n") {
                    guard let match = line.wholeMatch(of: isImport), modules.contains(String(match.1)) else { continue }
                    map[module, default: []].insert(String(match.1))
                }
            }
            if !files.isEmpty { map[module, default: []].formUnion([]) }
        }
        try #require(map.count > 5)
        return map
    }

    /// Rows `| module | imports |` of ARCHITECTURE.md.
    private func table() throws -> Map {
        let lines = try text("ARCHITECTURE.md").split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix("| module | imports |") })
        var map: Map = [:]
        for line in lines[(start + 2)...].prefix(while: { $0.hasPrefix("|") }) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let names = cells[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            map[cells[0]] = Set(names).subtracting(["nothing"])
        }
        return map
    }

    /// Targets of Package.swift with those of its modules that stand among their dependencies.
    private func package() throws -> Map {
        let modules = try modules()
        var map: Map = [:]
        for target in try text("Package.swift").split(separator: /\.(?:target|executableTarget)\(/).dropFirst() {
            let names = target.prefix { $0 != "]" }.matches(of: /"(\w+)"/).map { String($0.1) }
            guard let name = names.first, target.contains("swiftSettings") else { continue }
            map[name] = Set(names.dropFirst()).intersection(modules)
        }
        return map
    }
}
