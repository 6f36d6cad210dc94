import Columnar
import Features
import Forest
import Foundation
import Models
import PointInTime
import Store
import Training
import TrainingSets
import XGBoost

extension OpenStore {
    /// Fits a model to a training set of the store, judges it on rows that it has not seen, and registers it.
    ///
    /// The set is exported as any other and recorded, so that it can be made again. Nothing is registered before the model
    /// has been read back and has given its trainer's margins to the bit.
    /// - Throws: ``WorkflowError``, ``TrainingError``, `ModelsError`, or as ``export(_:event:)``; nothing is registered then.
    package func train(_ request: TrainRequest, event: @escaping (TrainEvent) -> Void = { _ in }) throws -> TrainResult
    {
        try control.run {
            let model = try definition(of: request.model)
            let algorithm = request.algorithm ?? model.algorithm
            var request = request
            if algorithm == model.algorithm {
                request.parameters = model.parameters.merging(request.parameters) { $1 }
            }
            try Self.check(algorithm, model.task, request.parameters)
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "asof-train-\(UUID().uuidString)"
            )
            try FileManager.default.createDirectory(
                at: folder,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.appendingPathComponent("set.arrow").path
            var isUnknown: [Bool] = []
            let manifest = try trainingSet(request, model, path, &isUnknown, event)
            let (plan, _) = try Registry.load(session).plan(naming: model.service, session)
            let data = try TrainingData(
                path: path,
                names: plan.columns.map(\.outputName),
                types: plan.columns.map(\.type),
                label: model.label,
                labelTime: request.labelTime,
                isUnknown: isUnknown
            )
            let split = try Self.split(data, model, request)
            event(.split(SplitCounts(split)))
            let trial = try ModelTrial(data, split, model, algorithm, seed: request.seed)
            for warning in trial.warnings { event(.warning(warning)) }
            let fitted = try fit(trial, algorithm, request, event)
            for note in fitted.notes { event(.warning(note)) }
            let set = MadeSet(manifest: manifest, path: path, plan: plan)
            return try register(fitted, trial, model, algorithm, set, request)
        }
    }

    private func definition(of name: String) throws -> ModelDefinition {
        let definitions = try Registry.load(session).definitions
        if let model = definitions.model(named: name) { return model }
        let hint = Name.hint(for: name, among: definitions.models.map(\.name))
        throw ModelsError.noModel(
            name: name,
            hint: definitions.models.isEmpty ? ": features.yaml defines no models" : hint
        )
    }

    private static func check(
        _ algorithm: ModelDefinition.Algorithm,
        _ task: ModelTask,
        _ parameters: [String: String]
    ) throws {
        guard algorithm.suits(task) else {
            let advice =
                switch algorithm {
                case .ftrl: "ftrl is for one class or for numbers; several classes take logistic or xgboost"
                case .ridge: "ridge is for numbers; classes take logistic or xgboost"
                case .logistic, .xgboost, .base: "logistic is for classes; a regression takes ridge, ftrl or xgboost"
                }
            throw WorkflowError.usage(advice)
        }
        let known =
            switch algorithm {
            case .xgboost: Set(ModelTrial.treeParameters.keys).union(["rounds", "early_stopping"])
            case .logistic, .ridge: Set(["penalty"])
            case .ftrl: FTRLSettings.known
            case .base: Set<String>()
            }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            guard known.contains(name) else {
                let near = Name.nearest(to: name, among: Array(known)).first.map { "; did you mean '\($0)'?" } ?? ""
                throw WorkflowError.usage(
                    "\(algorithm.rawValue) has no parameter '\(name)'\(near); "
                        + (known.isEmpty ? "it has none" : "known: \(known.sorted().joined(separator: ", "))")
                )
            }
            guard let number = Double(value), number.isFinite else {
                throw WorkflowError.usage("the parameter \(name) is '\(value)'; expected a number")
            }
        }
    }

    private func trainingSet(
        _ request: TrainRequest,
        _ model: ModelDefinition,
        _ path: String,
        _ isUnknown: inout [Bool],
        _ event: @escaping (TrainEvent) -> Void
    ) throws -> TrainingSetManifest {
        var export = ExportRequest(
            spine: request.spine,
            labelTime: request.labelTime,
            features: model.service,
            target: try ExportTarget(path, format: .arrow, spine: nil)
        )
        export.state = request.state
        export.dropped = request.dropped
        export.lookup = request.lookup
        var unknown: [Bool] = []
        let made = try self.export(
            export,
            eachBlock: { plan, block in unknown += plan.presence(block).unknown(block.batch.rowCount) },
            event: { event(.exporting($0)) }
        )
        isUnknown = unknown
        return made.manifest
    }

    private static func split(
        _ data: TrainingData,
        _ model: ModelDefinition,
        _ request: TrainRequest
    ) throws -> TimeSplit {
        let isLabelled = (0..<data.rowCount).map { !data.label.isNull($0) }
        guard isLabelled.contains(true) else {
            throw WorkflowError.refused(
                "the label '\(model.label)' is null in all \(data.rowCount) rows of the spine, so that 0 labelled rows are left; is it the column that is meant?"
            )
        }
        let split: TimeSplit
        switch request.split {
        case .times(let validFrom, let testFrom):
            guard validFrom.microseconds <= testFrom.microseconds else {
                throw WorkflowError.usage("--valid-from \(validFrom.text) lies behind --test-from \(testFrom.text)")
            }
            split = TimeSplit(
                times: data.times,
                isLabelled: isLabelled,
                validFrom: validFrom.microseconds,
                testFrom: testFrom.microseconds,
                embargo: model.labelDelay.microseconds
            )
        case .shares(let train, let valid, let test):
            let times = data.times.indices.compactMap { isLabelled[$0] ? data.times[$0] : nil }
            guard let cuts = TimeSplit.cuts(times, shares: (train, valid, test)) else {
                throw WorkflowError.refused(
                    "the \(times.count) labelled rows have fewer than three label times, so that no time splits them; --split-random splits by chance"
                )
            }
            split = TimeSplit(
                times: data.times,
                isLabelled: isLabelled,
                validFrom: cuts.validFrom,
                testFrom: cuts.testFrom,
                embargo: model.labelDelay.microseconds
            )
        case .random(let train, let valid, let test):
            split = TimeSplit(isLabelled: isLabelled, shares: (train, valid, test), seed: request.seed)
        }
        for (part, rows) in [("training", split.train), ("valid", split.valid), ("test", split.test)] where rows.isEmpty
        {
            throw WorkflowError.refused(
                """
                no rows are left to be \(part) rows: \(split.train.count) train, \(split.valid.count) valid, \(split.test.count) test, \
                \(split.embargoed) whose label was not known at a cut (label_delay \(model.labelDelay.text)), \(split.unlabelled) \
                without a label or a label time
                """
            )
        }
        return split
    }

    private func fit(
        _ trial: ModelTrial,
        _ algorithm: ModelDefinition.Algorithm,
        _ request: TrainRequest,
        _ event: (TrainEvent) -> Void
    ) throws -> FittedModel {
        let penalty = request.parameters["penalty"].flatMap { Double($0) } ?? 1
        if algorithm == .ftrl { return try trial.ftrl(request.parameters) }
        guard algorithm == .xgboost else { return try trial.linear(algorithm, penalty: penalty) }
        let (job, files, probe) = trial.treeJob(request)
        let trees = try request.fitting.fit(job, files: files, control: control) {
            event(.round($0, of: job.rounds, metric: $1))
        }
        let golden = GoldenRows(count: probe.count, inputs: probe.inputs, margins: trees.probeMargins)
        return try trial.trees(trees.file, golden, trees.result)
    }

    private func register(
        _ fitted: FittedModel,
        _ trial: ModelTrial,
        _ model: ModelDefinition,
        _ algorithm: ModelDefinition.Algorithm,
        _ made: MadeSet,
        _ request: TrainRequest
    ) throws -> TrainResult {
        let set = made.manifest
        let registry = ModelRegistry(session)
        let champion = try registry.aliases(of: model.name)[ModelRegistry.champion]
        var answers = [(name: "base", answers: trial.baseAnswers)]
        if algorithm != .logistic, algorithm != .ridge, algorithm != .base {
            answers.append((model.task == .regression ? "ridge" : "logistic", try trial.linearAnswers()))
        }
        // The place of whom the new one is to be better than.
        var (rival, notCompared) = (0, String?.none)
        if let champion {
            let name = "\(model.name)@\(champion.version)"
            let version = try registry.version(model.name, champion.version)
            switch try self.answers(of: version, for: trial, model, made, request) {
            case .answers(let own):
                rival = answers.count
                answers.append((name, own))
            case .notCompared(let reason): notCompared = "not compared with \(name): \(reason)"
            }
        }
        answers.append(("new", fitted.answers))
        let judgement = try Judgement(trial, answers.map(\.answers))
        let judged = answers.map { TrainResult.Judged(name: $0.name, metrics: judgement.metrics($0.answers)) }
        // A champion that cannot be judged is not known to be worse.
        let isBetter = notCompared == nil && judged[judged.count - 1].metrics.loss < judged[rival].metrics.loss
        var result = TrainResult(
            algorithm: algorithm,
            split: SplitCounts(trial.split),
            testFrom: trial.split.testFrom,
            rounds: fitted.rounds,
            judged: judged,
            suspects: trial.suspects,
            importances: fitted.importances,
            isBetter: isBetter,
            notCompared: notCompared,
            fallback: model.fallback,
            unknown: fitted.answers.unknown,
            unanswered: trial.split.test.count - judgement.places.count,
            version: nil,
            position: nil,
            promotedFrom: nil,
            setPosition: set.store.position,
            contentDigest: set.contentDigest
        )
        result.report = request.reportedCommand.map { command in
            TrainingReport(
                trial,
                fitted,
                judgement,
                model,
                request,
                set,
                judged: judged,
                algorithm: algorithm,
                command: command,
                draws: request.isQuick ? 50 : 200
            )
        }
        result.report?.decision =
            notCompared.map { "It was \($0)." }
            ?? (isBetter ? "Better than what there was." : "Not better than what there was.")
        if let text = result.unknownText { result.report?.warnings.append(text) }
        if request.isDryRun { return result }
        let promotes =
            switch request.promotion {
            case .never: false
            case .always: true
            case .ifBetter: isBetter
            }
        let new = try NewModelVersion(fitted, trial, model, algorithm, set, request, judged)
        let (version, state) = try registry.register(
            new,
            alias: promotes ? ModelRegistry.champion : nil,
            ifCurrent: champion?.version,
            reason: request.note
        )
        result.version = version
        result.position = state.position
        result.promotedFrom = promotes ? .some(champion?.version) : nil
        result.report?.version = version
        if promotes { result.report?.decision += " It is the champion now." }
        return result
    }
}

extension SplitCounts {
    init(_ split: TimeSplit) {
        self.init(
            train: split.train.count,
            valid: split.valid.count,
            test: split.test.count,
            embargoed: split.embargoed,
            unlabelled: split.unlabelled
        )
    }
}
