import Foundation
import TestSupport
import Testing

/// What is fetched to build and test Asof is the same for everybody.
@Suite struct PinnedVersionsTests {
    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Cases.repository.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func `every package that is depended on has one exact version, and so has what it depends on`() throws {
        struct Pins: Decodable {
            struct Pin: Decodable {
                struct State: Decodable { let version: String? }
                let identity: String
                let state: State
            }
            let pins: [Pin]
        }
        let manifest = try Self.text("Package.swift")
        let pins = try JSONDecoder().decode(Pins.self, from: Data(Self.text("Package.resolved").utf8)).pins
        let versions = Dictionary(uniqueKeysWithValues: pins.map { ($0.identity, $0.state.version) })
        let declared = manifest.matches(of: /\.package\(url: "[^"]*\/([^"\/]+)", exact: "([^"]+)"\)/)
        #expect(declared.count == manifest.matches(of: /\.package\(url/).count, "a dependency without `exact:`")
        for package in declared {
            #expect(versions[package.1.lowercased()] == String(package.2), "\(package.1)")
        }
        // What they depend on in turn.
        #expect(Set(versions.keys) == Set(declared.map { $0.1.lowercased() }))
    }

    @Test(arguments: ["arrow.txt", "clients.txt", "flights.txt", "models.txt", "peers.txt"])
    func `every Python package has one version and the hashes of its files`(file: String) throws {
        let joined = try Self.text("scripts/requirements/" + file).replacing("\\\n", with: " ")
        let lines = joined.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(!lines.isEmpty)
        for line in lines {
            #expect(
                line.wholeMatch(of: /[a-z0-9-]+==[0-9][^ ]*( ; [^-]*)?( +--hash=sha256:[0-9a-f]{64})+ */) != nil,
                "\(line.prefix(60))"
            )
        }
    }
}
