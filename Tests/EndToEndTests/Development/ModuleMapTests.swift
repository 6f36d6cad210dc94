import Foundation
import TestSupport
import Testing

/// ARCHITECTURE.md's table of modules, against what the sources import and Package.swift declares.
@Suite struct ModuleMapTests {
    private let root = Cases.repository

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

    @Test func `in the drawing every module stands above all that it imports`() throws {
        let (imported, layers) = (try imports(), try drawing())
        for (module, names) in imported {
            let own = try #require(layers[module], "\(module) is not drawn")
            for name in names {
                let other = try #require(layers[name], "\(name) is not drawn")
                #expect(own < other, "\(module) imports \(name), which does not stand below it")
            }
        }
    }

    @Test func `no two modules give one name to a type`() throws {
        let isType =
            /(?:@\w+ )*(?:(?:package|public|internal|final|indirect) )*(?:struct|class|enum|actor|protocol|typealias) (\w+).*/
        var homes: [String: Set<String>] = [:]
        for module in try modules() {
            for file in try files(of: module) {
                for line in try text(file).split(separator: "\n") {
                    guard let match = line.wholeMatch(of: isType) else { continue }
                    homes[String(match.1), default: []].insert(module)
                }
            }
        }
        #expect(homes.count > 500)
        for (name, modules) in homes { #expect(modules.count == 1, "\(name): \(modules.sorted())") }
    }

    private func modules() throws -> Set<String> {
        let folder = root.appendingPathComponent("Sources").path
        return Set(try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") })
    }

    /// Those in Swift, from the root.
    private func files(of module: String) throws -> [String] {
        let folder = root.appendingPathComponent("Sources/" + module).path
        return try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
            .map { "Sources/\(module)/\($0)" }
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
            let files = try files(of: module)
            for file in files {
                for line in try text(file).split(separator: "\n") {
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

    /// Module → the line of ARCHITECTURE.md's drawing that it stands on; no module stands there twice.
    private func drawing() throws -> [String: Int] {
        let lines = try text("ARCHITECTURE.md").split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix("```") })
        let modules = try modules()
        var layers: [String: Int] = [:]
        for (number, line) in lines[(start + 1)...].prefix(while: { !$0.hasPrefix("```") }).enumerated() {
            for name in line.prefix(64).matches(of: /\w+/).map({ String($0.0) }) where modules.contains(name) {
                #expect(layers.updateValue(number, forKey: name) == nil, "\(name) is drawn twice")
            }
        }
        return layers
    }

    /// Targets of Package.swift with those of its modules that stand among their dependencies.
    private func package() throws -> Map {
        let modules = try modules()
        let isTarget = /(?:module\(\s*|name: )"(\w+)",\s*(?:dependencies: )?\[([^\]]*)\]/
        var map: Map = [:]
        for target in try text("Package.swift").matches(of: isTarget) {
            let names = target.2.matches(of: /"(\w+)"/).map { String($0.1) }
            map[String(target.1)] = Set(names).intersection(modules)
        }
        return map
    }
}
