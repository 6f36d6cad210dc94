import Foundation
import TestSupport
import Testing

/// Faults of features.yaml, and changes that cannot be, as `plan` and `apply` tell them.
@Suite(.serialized) struct BadDefinitionsTests {
    static let store = Result { try CommandLineStore() }

    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        let yaml: String
        let says: [String]
        var testDescription: String { name }

        init(_ name: String, _ yaml: String, says: [String]) {
            self.name = name
            self.yaml = yaml
            self.says = says
        }
    }

    private static let head = "entities:\n  user: { key: user_id, type: int64 }\nviews:\n"

    static let faults: [Fault] = [
        Fault("broken YAML", "views: [\n", says: ["bad.yaml:2:1: "]),
        Fault(
            "an unknown key",
            head + "  a: { entities: [user], tttl: 3d, features: { x: int64 } }\n",
            says: ["bad.yaml:4:26: ", "tttl", "did you mean 'ttl'?"]
        ),
        Fault(
            "an unknown type",
            head + "  a: { entities: [user], features: { x: int } }\n",
            says: ["bad.yaml:4:41: ", "int64"]
        ),
        Fault(
            "an unknown entity",
            head + "  a: { entities: [usr], features: { x: int64 } }\n",
            says: ["bad.yaml:4:19: ", "did you mean 'user'?"]
        ),
        Fault(
            "a bad duration",
            head + "  a: { entities: [user], ttl: 3 days, features: { x: int64 } }\n",
            says: ["bad.yaml:4:31: ", "3 days"]
        ),
        Fault(
            "a bad name",
            head + "  a__b: { entities: [user], features: { x: int64 } }\n",
            says: ["bad.yaml:4:3: ", "a__b"]
        ),
        Fault(
            "two faults",
            head + "  a: { entities: [usr], features: { x: int } }\n",
            says: ["\nbad.yaml:4:", "bad.yaml:4:19: "]
        ),
    ]

    @Test(arguments: faults) func `a fault stands at the start of its line as file, line and column`(
        _ fault: Fault
    ) throws {
        let store = try Self.store.get()
        for command in [["plan", "bad.yaml"], ["apply", "bad.yaml", "--yes"]] {
            let input = BadInputCase(
                fault.name,
                command,
                files: [("bad.yaml", Array(fault.yaml.utf8))],
                says: fault.says
            )
            try input.check(in: store)
            let error = try store.run(command).error
            #expect(error.split(separator: "\n").allSatisfy { $0.hasPrefix("bad.yaml:") }, "\(error)")
        }
    }

    @Test func `a changed type is refused by plan and apply, with the way out`() throws {
        let store = try Self.store.get()
        let yaml = CommandLineStore.definitions.replacingOccurrences(of: "clicks: int64", with: "clicks: string")
        let file = [(name: "changed.yaml", bytes: Array(yaml.utf8))]
        let planned = BadInputCase("plan", ["plan", "changed.yaml"], files: file, prints: true, says: [])
        try planned.check(in: store)
        #expect(try store.run(["plan", "changed.yaml"]).out.contains("! "))
        let applied = BadInputCase(
            "apply",
            ["apply", "changed.yaml", "--yes"],
            files: file,
            prints: true,
            says: ["nothing was applied", "!"]
        )
        try applied.check(in: store)
    }
}
