import Features
import Foundation
import TestSupport
import Testing

@Suite struct ToleranceTests {
    private static func yaml(_ keys: String, source: Bool = true) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats:
            entities: [user]
            features: { x: float64 }

        """ + (source ? "    source: { sql: 'SELECT :from, :to' }\n" : "") + keys
    }

    private static func tolerance(_ keys: String) throws -> Tolerance? {
        try Definitions.parse(yaml: yaml(keys), file: "f").views[0].source?.tolerance
    }

    @Test func `a batch view has a tolerance of 1e-12 unless it says another one`() throws {
        #expect(try Self.tolerance("")?.text == "1e-12")
        #expect(try Self.tolerance("    tolerance: 0\n") == .exact)
        #expect(try Self.tolerance("    tolerance: 0.001\n")?.value == 1e-3)
        #expect(try Self.tolerance("    tolerance: 1e-16\n")?.value == 1e-16)
        #expect(try Self.tolerance("    tolerance: null\n") == .standard)
        // Spelled out or not, it is the same definition.
        let (said, unsaid) = (Self.yaml("    tolerance: 1.0e-12\n"), Self.yaml(""))
        #expect(try Definitions.parse(yaml: said, file: "f") == Definitions.parse(yaml: unsaid, file: "f"))
    }

    @Test(arguments: [
        (
            "    tolerance: 0.01\n", true,
            "7:16: the tolerance of view 'stats' is '0.01'; expected 0 (exact) or a number"
        ),
        ("    tolerance: 1e-17\n", true, "7:16: the tolerance of view 'stats' is '1e-17'"),
        ("    tolerance: -1e-6\n", true, "7:16: the tolerance of view 'stats' is '-1e-6'"),
        ("    tolerance: nan\n", true, "7:16: the tolerance of view 'stats' is 'nan'"),
        ("    tolerance: 1%\n", true, "7:16: the tolerance of view 'stats' is '1%'"),
        ("    tolerance: [1e-6]\n", true, "7:16: the tolerance of view 'stats' is a list"),
        ("    tolerance: 1e-6\n", false, "6:5: view 'stats' has a tolerance but no source"),
    ])
    func `one that cannot be is a fault with its place`(keys: String, hasSource: Bool, message: String) throws {
        let error = #expect(throws: DefinitionsError.self) {
            try Definitions.parse(yaml: Self.yaml(keys, source: hasSource), file: "f")
        }
        #expect("\(error!)".contains(message), "\(error!)")
    }

    @Test func `another tolerance is a safe change that plan shows, and stays through JSON`() throws {
        let old = try Definitions.parse(yaml: Self.yaml(""), file: "f")
        let new = try Definitions.parse(yaml: Self.yaml("    tolerance: 3e-7\n"), file: "f")
        let changes = new.changes(from: old)
        #expect(changes.map(\.detail) == ["tolerance 1e-12 -> 3e-07"])
        #expect(changes.allSatisfy { $0.severity == .safe })
        #expect(old.changes(from: new).map(\.detail) == ["tolerance 3e-07 -> 1e-12"])
        for definitions in [old, new] {
            #expect(try JSONDecoder().decode(Definitions.self, from: JSONEncoder().encode(definitions)) == definitions)
        }
        // What an earlier binary stored has no tolerance.
        #expect(!String(decoding: try JSONEncoder().encode(old), as: UTF8.self).contains("tolerance"))
    }

    @Test func `values are the same within the tolerance of the greater one, and special ones only as themselves`()
        throws
    {
        let tolerance = try #require(Tolerance(1e-12))
        let subnormal = Double.leastNormalMagnitude / 64
        let same: [(Double, Double)] = [
            (1, 1 + 9e-13), (-1, -1 - 9e-13), (.nan, .nan), (0, -0.0), (.infinity, .infinity), (subnormal, subnormal),
            (1e-300, 1e-300 * (1 + 5e-13)), (.greatestFiniteMagnitude, .greatestFiniteMagnitude * (1 - 5e-13)),
        ]
        for (left, right) in same { #expect(tolerance.accepts(left, right) && tolerance.accepts(right, left)) }
        let different: [(Double, Double)] = [
            (1, 1 + 2e-12), (1, -1), (0, .leastNonzeroMagnitude), (.nan, 1), (.infinity, -.infinity),
            (.infinity, .greatestFiniteMagnitude), (subnormal, subnormal + .leastNonzeroMagnitude), (1e-13, -1e-13),
            (.greatestFiniteMagnitude, -.greatestFiniteMagnitude),
        ]
        for (left, right) in different { #expect(!tolerance.accepts(left, right) && !tolerance.accepts(right, left)) }
        #expect(!Tolerance.exact.accepts(1, 1.nextUp) && Tolerance.exact.accepts(1, 1))
    }

    @Test func `whole numbers that differ are never the same, as long as their type has all others between them`() {
        let whole = 1_700_000_000_000_000.0
        for tolerance in [Tolerance.standard, Tolerance(1e-3) ?? .exact] {
            for (left, right) in [
                (whole, whole + 1), (-whole, 1 - whole), (0x1p53 - 1, 0x1p53 - 2), (3e12, 3e12 + 1),
            ] { #expect(!tolerance.accepts(left, right) && !tolerance.accepts(right, left)) }
            // One of them has a fraction, or there is no float64 between them.
            for (left, right) in [
                (whole, whole + 0.25), (3e12 + 0.5, 3e12 + 1), (0x1p53, 0x1p53 + 2), (1e300, 1e300.nextUp),
            ] {
                #expect(tolerance.accepts(left, right) && tolerance.accepts(right, left))
            }
        }
        let coarse = Tolerance(1e-3) ?? .exact
        #expect(
            !coarse.acceptsFloat32(Float(0x1p24) - 1, Float(0x1p24) - 2) && !coarse.acceptsFloat32(Float(5_000), 5_001)
        )
        #expect(coarse.acceptsFloat32(Float(0x1p24), Float(0x1p24) + 2) && coarse.acceptsFloat32(Float(5_000), 5_000.5))
    }
}
