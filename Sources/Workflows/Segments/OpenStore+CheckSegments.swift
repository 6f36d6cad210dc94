package import PointInTime
package import Segments
package import Store

/// What is the case with the files of one view's segments.
package struct SegmentCheckOutcome: Sendable {
    package let view: StoredView
    /// Of each file that is listed, by partition.
    package let findings: [SegmentCheck.Finding]

    package var faults: Int { findings.count { $0.fault != nil } }
}

/// What is the case with a directory of segments.
package struct SegmentCheckOutcomes: Sendable {
    package fileprivate(set) var views: [SegmentCheckOutcome] = []
    /// Files that no list has: they are in nobody's way, and the next build removes them.
    package fileprivate(set) var strays: [String] = []
}

/// Where a check is.
package enum SegmentCheckProgress: Sendable {
    case began(StoredView)
    /// Files behind, and in all.
    case files(StoredView, Int, of: Int)
    case done(SegmentCheckOutcome)
}

extension OpenStore {
    /// Reads every file of views, and compares it with what was written and with history.
    ///
    /// - Parameters:
    ///   - names: the views; none = all, by name.
    ///   - directory: called once the views are known.
    package func checkSegments(
        _ names: [String] = [],
        in directory: () throws -> SegmentDirectory,
        format: any SegmentFormat,
        progress: (SegmentCheckProgress) -> Void = { _ in }
    ) throws -> SegmentCheckOutcomes {
        try control.run {
            let views = try Registry.load(session).views(named: names)
            let check = SegmentCheck(session, directory: try directory(), format: format)
            var outcomes = SegmentCheckOutcomes()
            for view in views {
                try control.check()
                progress(.began(view))
                let findings = try check.run(view) { progress(.files(view, $0, of: $1)) }
                let outcome = SegmentCheckOutcome(view: view, findings: findings)
                progress(.done(outcome))
                outcomes.views.append(outcome)
            }
            outcomes.strays = try check.strays()
            return outcomes
        }
    }
}
