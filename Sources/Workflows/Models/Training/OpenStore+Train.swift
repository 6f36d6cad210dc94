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
            for parameters in try ExperimentGrid(request.parameters).runs {
                try Self.check(algorithm, model.task, parameters)
            }
            let folder = try PrivateFolder(for: "train")
            defer { folder.remove() }
            let (set, data) = try trainingSet(
                request,
                model,
                folder.url.appendingPathComponent("set.arrow").path,
                event
            )
            let split = try Self.split(data, model, request)
            event(.split(SplitCounts(split)))
            let trial = try ModelTrial(data, split, model, algorithm, seed: request.seed)
            for warning in trial.warnings { event(.warning(warning)) }
            let (fitted, chosen, runs) = try fitBest(trial, algorithm, request, event)
            for note in fitted.notes { event(.warning(note)) }
            var result = try register(fitted, trial, model, algorithm, set, chosen, runs)
            result.runs = runs
            return result
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
            case .xgboost: Set(ModelTrial.treeParameters.keys).union(ModelTrial.countParameters)
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
            guard !ModelTrial.countParameters.contains(name) || ModelTrial.count(value) != nil else {
                throw WorkflowError.usage(
                    "the parameter \(name) is '\(value)'; expected a whole number from 1 to \(TrainingLimits.roundsMax)"
                )
            }
        }
    }

    /// The rows of a request, joined.
    ///
    /// - Parameters:
    ///   - path: where they are put, as Arrow.
    ///   - plan: of the columns, where they are those of another time; the set is not recorded then.
    func trainingSet(
        _ request: TrainRequest,
        _ model: ModelDefinition,
        _ path: String,
        plan: FeaturePlan? = nil,
        _ event: @escaping (TrainEvent) -> Void
    ) throws -> (MadeSet, TrainingData) {
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
        var used: FeaturePlan?
        let made = try self.export(
            export,
            plan: plan,
            eachBlock: { plan, block in
                used = plan
                unknown += plan.presence(block).unknown(block.batch.rowCount)
            },
            event: { event(.exporting($0)) }
        )
        let plan = try used ?? plan ?? Registry.load(session).plan(naming: model.service, session).plan
        let data = try TrainingData(
            path: path,
            names: plan.columns.map(\.outputName),
            types: plan.columns.map(\.type),
            label: model.label,
            labelTime: request.labelTime,
            isUnknown: unknown
        )
        return (MadeSet(manifest: made.manifest, path: path, plan: plan), data)
    }

    func fit(
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
        var fitted = try trial.trees(trees.file, golden, trees.result)
        fitted.librarySHA256 = trees.librarySHA256
        return fitted
    }

    private func register(
        _ fitted: FittedModel,
        _ trial: ModelTrial,
        _ model: ModelDefinition,
        _ algorithm: ModelDefinition.Algorithm,
        _ made: MadeSet,
        _ request: TrainRequest,
        _ runs: [ExperimentRun]
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
        result.twins = try request.twins.map { try naiveTwin($0, of: trial, model, algorithm, made, request) }
        result.report = try request.reportedCommand.map { command in
            TrainingReport(
                trial,
                fitted,
                TrialChecks(trial, fitted, forest: try Forest(bytes: fitted.file)),
                judgement,
                model,
                request,
                set,
                judged: judged,
                algorithm: algorithm,
                command: command,
                draws: request.isQuick ? 100 : 200
            )
        }
        result.report?.facts += runs.enumerated().map { place, run in
            .init(
                "run \(place + 1)\(run.isChosen ? ", chosen" : "")",
                "\(run.text): loss on the valid rows \(run.validLoss)"
            )
        }
        result.report?.leaks.naive = result.twins.map(\.reported)
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
