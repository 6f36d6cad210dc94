import Testing

@testable import Columnar
@testable import Operations
@testable import Segments
@testable import Serving
@testable import Store
@testable import TrainingSets

@Suite struct LimitsTests {
    @Test func `limits fit one another`() {
        Limits.check()
        ColumnarLimits.check()
        OperationsLimits.check()
        SegmentLimits.check()
        ServingLimits.check()
        TrainingSetLimits.check()
    }
}
