import Features
import Forest
import Learning
import Models
import PointInTime
import Store
import Training
import TrainingSets

/// A learner over the ledger: each commit of labels, in order, joined with features as they were known, and learned.
///
/// What it learns is a function of the ledger and the version alone: how labels are cut into commits, when the run was ended
/// and begun again, and what was published change no bit of it.
final class LearnRun {
    let version: ModelVersion
    let registry: ModelRegistry
    private let session: Session
    private let control: RunControl
    private let rows: LabelRows
    private let plan: FeaturePlan
    private let model: SparseModel
    private let scaling: LabelScaling
    private let encoders: Encoders
    private let golden: GoldenRows
    private let publication: ModelDefinition.Publication
    private(set) var record: LearnerRecord
    private var learner: FTRL
    /// Bytes of states since the last whole one.
    private var deltaBytes = 0
    private var isChecked = false

    /// - Parameter record: of the learner as it stands; a new one begins before the ledger's first position.
    /// - Throws: ``WorkflowError/refused(_:)`` where the version does not learn, or its labels are others now.
    init(_ store: OpenStore, _ version: ModelVersion, _ record: LearnerRecord?) throws {
        let name = "\(version.model)@\(version.version)"
        let stored = try Registry.load(store.session)
        guard let definition = stored.definitions.model(named: version.model) else {
            throw WorkflowError.refused(
                "\(version.model) is defined no more, so that nothing says where its labels are"
            )
        }
        guard let labels = definition.labels else {
            throw WorkflowError.refused(
                "the model \(version.model) has no labels to learn from, as in labels: { view: arrivals, value: late, at: prediction_time }"
            )
        }
        let view = try stored.view(named: labels.view)
        // A feature that was renamed is the same label.
        if let record, record.labels.renamed(by: view) != labels.renamed(by: view) {
            throw WorkflowError.refused(
                "\(name) has learned from \(record.labels.view).\(record.labels.value), and the model's labels are others now: train a version for them"
            )
        }
        session = store.session
        control = store.control
        registry = ModelRegistry(store.session)
        let forest = try Forest(bytes: try registry.file(version))
        guard version.algorithm == ModelDefinition.Algorithm.ftrl.rawValue, let model = forest.sparse else {
            throw WorkflowError.refused(
                "\(name) is of the algorithm \(version.algorithm); only ftrl learns from one label after the other: asof train \(version.model) --algo ftrl"
            )
        }
        self.version = version
        self.model = model
        plan = try stored.plan(naming: "\(version.service)@\(version.serviceVersion)", session).plan
        rows = try LabelRows(session, view, labels.renamed(by: view), plan)
        scaling = LabelScaling(offset: model.offset, scale: model.scale)
        encoders = Encoders(version.signature)
        golden = try registry.golden(version) ?? GoldenRows(count: 0, inputs: [], margins: [])
        publication = definition.publish
        self.record = record ?? LearnerRecord(labels: labels)
        learner = FTRL(
            try version.learning,
            version.signature.task == .binary ? .logistic : .squared,
            slotCount: model.layout.slotCount
        )
        try restore()
    }

    /// Brings the learner to the state of its record.
    private func restore() throws {
        let slots = try registry.learnedSlots(version.model, version.version, seq: record.seq)
        guard learner.restore(slots) else {
            throw WorkflowError.refused(
                "the state \(record.seq) of the learner of \(version.model)@\(version.version) is none of its model's"
            )
        }
        deltaBytes = try registry.deltaBytes(version)
        guard record.state.position > 0 else { return }
        let found = try? Ledger(session).state(at: record.state.position)
        guard found?.uid == record.state.uid else {
            throw WorkflowError.refused(
                """
                the learner of \(version.model)@\(version.version) has learned up to position \(record.state.position), which is \
                another commit now: the store went back in time. Train a new version, which learns from the beginning
                """
            )
        }
    }

    // MARK: Learning

    /// Learns the next commits up to a position: about so many rows, to the end of a position, and to a point of publishing.
    /// - Returns: `false` where there are none.
    func advance(upTo last: Int64, rows rowsMax: Int) throws -> Bool {
        let next = try rows.commits(after: record.state.position, upTo: last, limit: rowsMax)
        var taken: [LabelRows.Commit] = []
        var (count, isPoint) = (Int64(0), false)
        for commit in next {
            guard taken.isEmpty || count + commit.rows <= Int64(rowsMax) else { break }
            taken.append(commit)
            count += commit.rows
            isPoint = isDue(commit.state)
            if isPoint { break }
        }
        guard let end = taken.last?.state else { return false }
        try learn(try rows.read(taken), end)
        record.state = end
        if isPoint, let us = end.committedAt { record.point = (end.position, us) }
        return true
    }

    /// Whether a commit of labels is the first behind the last point and what lies between two.
    private func isDue(_ state: LedgerState) -> Bool {
        guard let point = record.point else { return true }
        return (state.committedAt ?? 0) >= point.us + publication.every.microseconds
    }

    /// Whether there is a point at which nothing was published yet.
    ///
    /// Not before the learner has come to where its version was registered: until then the version's file, which was fitted to
    /// more, answers better than what was learned so far.
    func isPublishDue() throws -> Bool {
        guard let point = record.point, point.position == record.state.position, point.position >= version.position
        else { return false }
        return try hasUnpublished()
    }

    /// Whether something was learned since the last publish.
    func hasUnpublished() throws -> Bool {
        let last = try registry.publish(version.model, version.version)
        return record.sums.examples > last?.sums.examples ?? 0
    }

    private func learn(_ batch: LabelRows.Batch, _ end: LedgerState) throws {
        let spec = try TrainingSetSpec(
            plan: plan,
            labelTime: LabelRows.time,
            positionColumn: LabelRows.position,
            spine: rows.spine,
            state: end,
            options: JoinOptions(knownAtLabel: true, trustsBackfilled: true)
        )
        let join = try TrainingSetJoin(spec, sessions: [session], engine: EngineRequest(.probe), measures: false)
        if !isChecked {
            isChecked = true
            if let warning = try join.knownAtWarnings(batch.spine).first {
                throw WorkflowError.refused(Self.hindsight(warning))
            }
        }
        let task = version.signature.task
        let labels = Self.numbers(batch.labels)
        var row = SparseRow()
        var start = 0
        while start < batch.spine.rowCount {
            try control.check()
            let range = start..<min(start + join.blockRows(rowBytes: 64), batch.spine.rowCount)
            let joined = try join.joinBlock(batch.spine.slice(range)).batch
            let columns = Array(joined.columns[rows.spine.count..<rows.spine.count + plan.columns.count])
            let matrix = DesignMatrix(columns, encoders, rowCount: range.count)
            for place in range {
                if batch.isDeleted[place] {
                    record.sums.deleted += 1
                } else if batch.isCorrection[place] {
                    record.sums.corrections += 1
                } else if batch.labels.isNull(place) || batch.spine.columns[rows.columns.count].isNull(place) {
                    record.sums.withoutLabel += 1
                } else if batch.isAhead[place] {
                    record.sums.ahead = (record.sums.ahead ?? 0) + 1
                } else if !Self.isLabel(labels[place], of: task) {
                    record.sums.badLabels += 1
                } else {
                    record.sums.clipped += model.layout.expand(matrix.values, row: place - start, into: &row)
                    learn(row, labels[place])
                }
            }
            record.sums.unseen += matrix.unseen.reduce(0, +)
            start = range.upperBound
        }
        try join.finish()
    }

    /// Example by example, so that how rows are cut changes no sum.
    private func learn(_ row: borrowing SparseRow, _ label: Double) {
        let scaled = scaling.scaled(label)
        let predicted = learner.learn(row, label: scaled)
        record.sums.examples += 1
        record.sums.loss += learner.loss(predicted, label: scaled)
        record.sums.predicted += scaling.offset + scaling.scale * predicted
        record.sums.labels += label
    }

    private static func isLabel(_ value: Double, of task: ModelTask) -> Bool {
        task == .binary ? value == 0 || value == 1 : value.isFinite && abs(value) <= 1e12
    }

    private static func numbers(_ column: Column) -> [Double] {
        switch column.values {
        case .bool(let flags): flags.map { $0 ? 1 : 0 }
        case .int32(let numbers): numbers.map(Double.init)
        case .int64(let numbers): numbers.map(Double.init)
        case .float32(let numbers): numbers.map(Double.init)
        case .float64(let numbers): numbers
        default: [Double](repeating: .nan, count: column.rowCount)
        }
    }

    private static func hindsight(_ warning: String) -> String {
        warning.replacing("--known-at-label leaves", with: "what was known when a label's prediction was made leaves")
            + ", or, where they were known at their event time and the view's delay, backfilled: true in the view"
    }

    // MARK: Storing

    /// Stores what was learned since the last commit.
    func commit() throws {
        let changed = learner.takeTouched()
        deltaBytes += changed.count * FTRL.slotBytes
        // So that to read a state takes at most three times what it has.
        let isWhole = deltaBytes > 2 * learner.learnedCount * FTRL.slotBytes || record.seq == 0
        record = try registry.commitLearning(
            version,
            record,
            isWhole ? learner.learned : changed,
            isWhole: isWhole,
            keepUs: publication.keep.microseconds
        )
        if isWhole { deltaBytes = 0 }
    }

    /// Has the state of the last commit be what servers answer by.
    func publish() throws -> (number: Int, state: LedgerState) {
        var published = model
        published.weights = learner.weights
        let margins = Forest(published).margins(golden.inputs, count: golden.count)
        return try registry.publish(version, record, digest: digest, margins: margins)
    }

    /// What was removed of all that is learned from.
    func removals() throws(StoreError) -> [Removal] {
        let (record, view) = (RemovalRecord(session), rows.view)
        return try record.since(0, of: plan.roles)
            + record.since(0, of: [(view.name, view.definition.features.map(\.name))])
    }

    var publishEveryUs: Int64 { publication.every.microseconds }

    /// SHA-256 of all that was learned.
    var digest: [UInt8] { ContentDigest.sha256(FTRL.bytes(learner.learned)[...]) }
}
