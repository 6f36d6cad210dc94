import Features
import Learning
import PointInTime
import TestSupport
import Testing
import Training

/// Signatures that come from a file: those by which no row could be made are named before any is tried.
@Suite struct SignatureFaultTests {
    private static func fault(
        _ encoder: FittedEncoder,
        of types: FeatureType...,
        input: FeatureType? = nil,
        reads: [Int]? = nil
    ) -> String? {
        let columns = types.enumerated().map { ModelSignature.Source(name: "c\($0)", type: $1) }
        let own = ModelSignature.Input(
            name: "c",
            type: input ?? types[0],
            encoder: encoder,
            reads: reads ?? Array(types.indices)
        )
        return ModelSignature(task: .binary, columns: columns, inputs: [own]).fault
    }

    private static func map(
        attributes: [[Double]] = [[1], []],
        means: [Double] = [0],
        deviations: [Double] = [1],
        nearest: Int = 2,
        other: FeatureHash? = nil
    ) -> FittedEncoder {
        .mapped(
            FittedMap(
                levels: ["a", "b"],
                attributes: attributes,
                means: means,
                deviations: deviations,
                nearest: nearest,
                other: other
            )
        )
    }

    @Test func `what fitting gives has no fault`() throws {
        let columns: [(name: String, column: Column)] = [
            ("flag", Column(type: .bool, values: .bool([true, false, true]))),
            ("count", Column(type: .int64, values: .int64([1, 2, 3]))),
            ("size", Column(type: .float64, values: .float64([1, 2.5, 4]))),
            ("city", Column(type: .string, values: .text(TextValues(["NY", "LA", "NY"])))),
            ("place", Column(type: .vector(2), values: .vector(dimensions: 2, [1, 2, 3, 4, 5, 6]))),
        ]
        let encodings: [(EncoderFit.Family, [String: ModelDefinition.Encoding])] = [
            (.trees, [:]), (.linear, [:]), (.slots, [:]),
            (.trees, ["city": .hash(.init(buckets: 8)), "size": .quantiles(2), "count": .log1p]),
            (.linear, ["city": .hash(.init(buckets: 8)), "size": .quantiles(2), "count": .standard]),
            (.slots, ["city": .hash(.init(buckets: 6, isSigned: true, with: ["count"])), "size": .clip(0, 3)]),
            (.slots, ["city": .map(.init(attributes: ["size"], nearest: 2, buckets: 4)), "count": .minmax]),
            (.trees, ["city*count": .hash(.init(buckets: 16))]), (.trees, ["city": .onehot(minCount: 1)]),
        ]
        for (family, encode) in encodings {
            let fit = try EncoderFit(columns, for: family, encodings: encode)
            #expect(fit.signature(.binary).fault == nil, "\(family) \(encode)")
        }
    }

    @Test func `an encoder of other columns than there are is named`() {
        #expect(
            Self.fault(.elements(1), of: .int64)
                == "has the input 'c': its encoder reads a vector of 1 elements, and there is int64"
        )
        #expect(Self.fault(.elements(3), of: .vector(2)) != nil && Self.fault(.elements(2), of: .vector(2)) == nil)
        #expect(Self.fault(.elements(-1), of: .vector(2)) != nil)
        #expect(Self.fault(.number, of: .string) != nil && Self.fault(.number, of: .bool) == nil)
        #expect(Self.fault(.categories(["a"]), of: .int64) != nil)
        #expect(Self.fault(.onehot(["a"]), of: .bool) != nil)
        #expect(Self.fault(.levels(["a"]), of: .bytes) != nil)
        #expect(Self.fault(.log1p, of: .timestamp) != nil)
        #expect(Self.fault(.number, of: .int64, input: .float64) != nil)
        #expect(Self.fault(.number, of: .int64, .int64) != nil)
        #expect(
            Self.fault(.number, of: .int64, reads: [1]) == "has the input 'c', which reads a column that is not there"
        )
        #expect(Self.fault(.hashed(FeatureHash(buckets: 8), columns: 3), of: .int64, .string) != nil)
        #expect(Self.fault(.hashed(FeatureHash(buckets: 8), columns: 1), of: .float64) != nil)
        #expect(Self.fault(.crossed(FeatureHash(buckets: 8)), of: .string, .float32) != nil)
        #expect(Self.fault(Self.map(), of: .bool, .float64) != nil)
        #expect(Self.fault(Self.map(), of: .string, .string) != nil)
    }

    @Test func `numbers that cannot be computed with are named`() {
        #expect(Self.fault(Self.map(), of: .string, .float64) == nil)
        #expect(Self.fault(.scaled(minus: 0, over: 0), of: .float64) == "has the input 'c': it is scaled by 0.0")
        #expect(Self.fault(.scaled(minus: .nan, over: 1), of: .float64) != nil)
        #expect(Self.fault(.clipped(2, 1), of: .float64) != nil)
        #expect(Self.fault(.bins([1, 1]), of: .float64) != nil)
        for buckets in [0, -8, 6, .max, 1 << 23] {
            #expect(Self.fault(.hashed(FeatureHash(buckets: buckets), columns: 1), of: .int64) != nil, "\(buckets)")
            let other = FeatureHash(buckets: buckets)
            #expect(Self.fault(Self.map(other: other), of: .string, .float64) != nil, "\(buckets)")
        }
        let signed = FeatureHash(buckets: 8, isSigned: true)
        #expect(Self.fault(.indicators(.hashed(signed, columns: 1)), of: .int64) != nil)
        #expect(Self.fault(.indicators(.number), of: .int64) != nil)
        #expect(Self.fault(.indicators(.indicators(.bins([1]))), of: .int64) != nil)
        #expect(Self.fault(Self.map(means: []), of: .string, .float64) != nil)
        #expect(Self.fault(Self.map(deviations: [1, 1]), of: .string, .float64) != nil)
        #expect(Self.fault(Self.map(attributes: [[1]]), of: .string, .float64) != nil)
        #expect(Self.fault(Self.map(attributes: [[1, 2], []]), of: .string, .float64) != nil)
        for nearest in [0, -1, 17] { #expect(Self.fault(Self.map(nearest: nearest), of: .string, .float64) != nil) }
    }

    @Test func `classes are those of the task, each once`() {
        func fault(_ task: ModelTask, _ classes: [String]) -> String? {
            ModelSignature(task: task, inputs: [], classes: classes).fault
        }
        #expect(fault(.multiclass, ["a", "b"]) == nil && fault(.binary, []) == nil)
        #expect(fault(.multiclass, ["a", "b", "a"]) == "has the class 'a' twice")
        #expect(fault(.multiclass, []) == "has no classes")
        #expect(fault(.binary, ["a"]) != nil)
    }
}
