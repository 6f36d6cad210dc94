import Foundation
import TestSupport
import Testing
import XGBoost

@testable import Forest

/// Model files come from elsewhere: nothing in them makes the reader trap or a kernel read beyond its arrays.
/// `ASOF_MUTATIONS` says how many mutated files, 600 where nothing says; the lane `asan` asks for more.
@Suite struct ModelFileTests {
    static let count = ProcessInfo.processInfo.environment["ASOF_MUTATIONS"].flatMap(Int.init) ?? 600

    private static func model(_ format: XGBoostBooster.Format) throws -> [UInt8] {
        let sample = ForestSample(seed: 3, count: 100, classes: 3)
        let model = try sample.train(
            [
                ("objective", "multi:softprob"), ("num_class", "3"), ("booster", "dart"), ("rate_drop", "0.5"),
                ("max_depth", "3"),
            ],
            rounds: 2
        )
        return try ForestSample.booster(model).bytes(as: format)
    }

    private static let linear = """
        {"format":"asof-linear-1","task":"multiclass","features":["a","b"],"outputs":2,"intercept":[0.5,-1],\
        "weights":[[1,2],[0.1,0.2]],"missing":[3,0],"indicator":[[0,0],[10,20]]}
        """

    @Test(arguments: XGBoostBooster.Format.allCases)
    func `a damaged file is refused or gives other margins`(_ format: XGBoostBooster.Format) throws {
        var random = SeededRandom(seed: 99)
        let whole = try Self.model(format)
        let rows = ForestSample.hardRows(seed: 8, count: 20)
        var refused = 0
        for _ in 0..<(Self.count / 2) {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[at] = [0, 0x7F, 0x80, 0xFF, 0x30, 0x39, 0x2D].randomElement(using: &random) ?? 0
                case 2: bytes.remove(at: at)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: at)
                }
            }
            do throws(ForestError) {
                let forest = try Forest(bytes: bytes)
                let count = forest.width == 6 ? 20 : 1
                let values = forest.width == 6 ? rows : [Float](repeating: 1, count: forest.width)
                let margins = forest.margins(values, count: count)
                #expect(ForestSample.bits(margins) == ForestSample.bits(forest.scalarMargins(values, count: count)))
            } catch {
                refused += 1
                #expect(!"\(error)".isEmpty)
            }
        }
        #expect(refused > Self.count / 10)
    }

    @Test(arguments: XGBoostBooster.Format.allCases)
    func `a file that ends early is refused wherever it ends`(_ format: XGBoostBooster.Format) throws {
        let whole = try Self.model(format)
        for end in stride(from: 0, to: whole.count, by: 61) {
            #expect(throws: ForestError.self) { try Forest(bytes: Array(whole[..<end])) }
        }
    }

    static let wrong: [(String, String, String)] = [
        (#""left_children":[1,"#, #""left_children":[0,"#, "twice"),
        (#""left_children":[1,"#, #""left_children":[99999,"#, "two nodes below"),
        (#""left_children":[1,"#, #""left_children":[-1,"#, "two nodes below"),
        (#""left_children":[1,"#, #""left_children":[1.5,"#, "two nodes below"),
        (#""left_children":[1,"#, #""left_children":[1,1,"#, "left_children is"),
        (#""num_feature":"6","num_target""#, #""num_feature":"2","num_target""#, "feature"),
        (#""num_feature":"6","num_target":"1""#, #""num_feature":"99999999999","num_target":"1""#, "at most 65535"),
        (#""num_target":"1""#, #""num_target":"2""#, "2 targets"),
        (#""size_leaf_vector":"1""#, #""size_leaf_vector":"3""#, "one_output_per_tree"),
        (#""num_trees":"6""#, #""num_trees":"7""#, "num_trees, 7"),
        (#""tree_info":[0,1,2"#, #""tree_info":[0,1,3"#, "outputs below 3"),
        (#""name":"multi:softprob""#, #""name":"rank:ndcg""#, "'rank:ndcg' is not read"),
        (#""name":"multi:softprob""#, #""name":"binary:logistic""#, "0 or 1, as logistic"),
        (#""name":"gbtree""#, #""name":"gblinear""#, "'gblinear' is not read"),
        (#""base_score":"["#, #""base_score":"[1,"#, "base_score"),
        (#""weight_drop":["#, #""weight_drop":[1,"#, "weight_drop"),
        (#""weight_drop":["#, #""weight_drop":[NaN,"#, "weight_drop"),
        (#""learner":{"#, #""learner":{"attributes":{},"#, "twice"),
        (#""num_class":"3""#, #""num_class":"4097""#, "at most 4096"),
    ]

    @Test(arguments: wrong)
    func `what makes no model is named`(_ old: String, _ new: String, _ message: String) throws {
        let text = String(decoding: try Self.model(.json), as: UTF8.self)
        let place = try #require(text.firstRange(of: old))
        do throws(ForestError) {
            _ = try Forest(bytes: Array(text.replacingCharacters(in: place, with: new).utf8))
            Issue.record("it was read")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }

    @Test(
        arguments: [
            ([0x80, 4, 0x95, 0], "pickle"), ([0x50, 0x4B, 3, 4, 0], "zip"), ([0x78, 0x9C, 1], "compressed"),
            (Array("tree\nversion=v4".utf8), "LightGBM"), ([8, 7, 0x12], "ONNX"), ([], "empty"),
            (Array("binf".utf8), "old binary"),
            ([0x1F, 0x8B, 8], "gzip"), (Array("hello".utf8), "expected '{'"), (Array("{}".utf8), "no learner"),
        ] as [([UInt8], String)]
    )
    func `files of other programs are refused by name`(_ bytes: [UInt8], _ name: String) throws {
        do throws(ForestError) {
            _ = try Forest(bytes: bytes)
            Issue.record("it was read")
        } catch {
            #expect("\(error)".contains(name), "\(error)")
        }
    }

    @Test func `nesting and declared lengths end before memory does`() throws {
        #expect(throws: ForestError.self) { try Forest(bytes: Array(repeating: UInt8(ascii: "{"), count: 100_000)) }
        let deep = Array(#"{"a":"#.utf8) + Array(repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: ForestError.self) { try Forest(bytes: deep) }
        for type in ["$d", ""] {
            let long = Array("{i\u{1}a[\(type)#L".utf8) + [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
            #expect(throws: ForestError.self) { try Forest(bytes: long) }
        }
    }

    @Test func `a linear model sums in double, with what a missing value counts as`() throws {
        let forest = try Forest(bytes: Array(Self.linear.utf8))
        #expect(forest.objective == .softmax && forest.width == 2 && forest.outputs == 2)
        #expect(forest.featureNames == ["a", "b"])
        let rows: [Float] = [1, 2, .nan, 2, 1, .nan]
        let expected = [
            0.5 + 1.0 + 4.0, -1.0 + 0.1 * 1 + 0.2 * 2, 0.5 + 3.0 + 0.0 + 4.0, -1.0 + 0.1 * 3 + 10 + 0.2 * 2,
            0.5 + 1.0 + 0.0, -1.0 + 0.1 * 1 + 0.2 * 0 + 20,
        ]
        #expect(forest.margins(rows, count: 3) == expected.map { Float($0) })
        #expect(forest.scalarMargins(rows, count: 3) == expected.map { Float($0) })
        #expect(forest.margins([], count: 0).isEmpty)
    }

    @Test(arguments: [
        ("[0.5,-1]", "[0.5]"), ("[0.5,-1]", "[0.5,1e999]"), ("[[1,2],[0.1,0.2]]", "[[1,2]]"),
        ("asof-linear-1", "asof-linear-2"),
        ("multiclass", "binary"), ("multiclass", "ranking"), ("[3,0]", "[3,\"0\"]"),
        ("\"outputs\":2", "\"outputs\":1e12"),
    ])
    func `a linear model that does not fit together is refused`(_ old: String, _ new: String) throws {
        #expect(throws: ForestError.self) { try Forest(linear: Array(Self.linear.replacing(old, with: new).utf8)) }
    }
}
