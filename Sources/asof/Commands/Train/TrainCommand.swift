import ArgumentParser
import Columnar
import Features
import Foundation
import Store
import Training
import Workflows

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Fit a model to a training set, judge it, and register it.",
        discussion: """
            Exports the training set of the model's service for the spine, splits it by label time, fits on the oldest rows, \
            stops by the next, and judges on the newest, beside the base rate, a linear model and the current champion on the \
            same rows. Rows whose label was not known at a cut (the model's label_delay) are left out. The model is registered \
            as a new version; it becomes the champion where it is better.

            Trees are fitted by XGBoost, in a process of its own (ASOF_XGBOOST names another libxgboost.so than the one that \
            scripts/setup fetches); linear models need nothing.

            Examples:
              asof train delay --spine flights.csv --label-time time_hour
              asof train delay --spine flights.csv --label-time time_hour --valid-from 2013-09-08 --test-from 2013-10-08
              asof train delay --spine flights.csv --label-time time_hour --algo logistic --promote never

            Exit codes: 0 done, 1 data or state error, 2 usage error, 10 trained, but not better than the champion, or not compared \
            with it.
            """
    )

    @Argument(help: "A model of features.yaml.")
    var model: String
    @OptionGroup var spine: SpineOptions
    @Option(
        help: ArgumentHelp("Train on the state that this ledger position names, instead of the newest.", valueName: "n")
    )
    var position: Int64?
    @Option(
        help: ArgumentHelp(
            "The first label time of the rows that stop the fit; goes with --test-from.",
            valueName: "time"
        )
    )
    var validFrom: String?
    @Option(
        help: ArgumentHelp("The first label time of the rows that judge; goes with --valid-from.", valueName: "time")
    )
    var testFrom: String?
    @Option(help: ArgumentHelp("Shares of train, valid and test in the order of label times.", valueName: "a,b,c"))
    var split: String?
    @Flag(help: "Split by chance instead of by time: what is promised so is hardly kept.")
    var splitRandom = false
    @Option(help: "xgboost, logistic, ridge, ftrl or base; by default the model's algorithm.")
    var algo: String?
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "A parameter of the algorithm, as in eta=0.05; may be given several times. Of several values, as in eta=0.05,0.1, each combination is fitted (20 at most), and the best on the valid rows is kept.",
            valueName: "name=value"
        )
    )
    var settings: [String] = []
    @Option(help: "The seed of whatever is drawn by chance.")
    var seed: UInt64 = 1
    @Option(help: "When the version becomes the champion: never, if-better or always.")
    var promote = "if-better"
    @Option(help: "A remark that is kept with the version.")
    var note: String?
    @Option(help: ArgumentHelp("Write what was found as a page of its own.", valueName: "file.html"))
    var report: String?
    @Option(
        name: .customLong("naive"),
        help: ArgumentHelp(
            "Fit the same model also to what a careless join gives (latest: the newest values; day: those of the label's day), and tell what it promises and what it would deliver; may be given twice. With --report latest, unless --quick.",
            valueName: "join"
        )
    )
    var naive: [String] = []
    @Flag(help: "100 rounds at most: for a first look.")
    var quick = false
    @Flag(help: "Fit and judge, and register nothing.")
    var dryRun = false
    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var engine: EngineOptions
    @OptionGroup var store: StoreOptions

    func validate() throws {
        try spine.require()
        if (validFrom == nil) != (testFrom == nil) { throw ValidationError("--valid-from and --test-from go together") }
        if validFrom != nil, split != nil || splitRandom {
            throw ValidationError("give --valid-from and --test-from, or shares by --split, not both")
        }
        if let position, position < 0 { throw ValidationError("--position \(position): positions count from 0") }
        _ = try shares()
        if let algo, ModelDefinition.Algorithm(rawValue: algo) == nil {
            throw ValidationError(
                "--algo '\(algo)': expected \(ModelDefinition.Algorithm.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        if TrainRequest.Promotion(rawValue: promote) == nil {
            throw ValidationError("--promote '\(promote)': expected never, if-better or always")
        }
        for join in naive where NaiveJoin(rawValue: join) == nil {
            throw ValidationError(
                "--naive '\(join)': expected \(NaiveJoin.allCases.map(\.rawValue).joined(separator: " or "))"
            )
        }
        _ = try parameters()
    }

    private func shares() throws -> (train: Int, valid: Int, test: Int) {
        guard let split else { return (70, 15, 15) }
        let parts = split.split(separator: ",", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard parts.count == 3, parts.allSatisfy({ $0 > 0 }), parts.reduce(0, +) == 100 else {
            throw ValidationError("--split '\(split)': expected three whole shares that make 100, as in 70,15,15")
        }
        return (parts[0], parts[1], parts[2])
    }

    private func parameters() throws -> [String: String] {
        var parameters: [String: String] = [:]
        for setting in settings {
            guard let equals = setting.firstIndex(of: "="), equals > setting.startIndex else {
                throw ValidationError("--set '\(setting)': expected name=value, as in eta=0.05")
            }
            parameters[String(setting[..<equals])] = String(setting[setting.index(after: equals)...])
        }
        return parameters
    }

    private func request() throws -> TrainRequest {
        var request = TrainRequest(
            model: model,
            spine: spine.source,
            labelTime: spine.labelTime,
            fitting: .here(threads: engine.threadCount)
        )
        if let position { request.state = .position(position) }
        if let validFrom, let testFrom {
            request.split = .times(
                validFrom: try TimeArgument.parse(validFrom, option: "--valid-from"),
                testFrom: try TimeArgument.parse(testFrom, option: "--test-from")
            )
        } else {
            let (train, valid, test) = try shares()
            request.split =
                splitRandom
                ? .random(train: train, valid: valid, test: test) : .shares(train: train, valid: valid, test: test)
        }
        request.algorithm = algo.flatMap(ModelDefinition.Algorithm.init(rawValue:))
        request.parameters = try parameters()
        request.seed = seed
        request.promotion = TrainRequest.Promotion(rawValue: promote) ?? .ifBetter
        request.isQuick = quick
        request.isDryRun = dryRun
        request.note = note
        request.twins = naive.compactMap { NaiveJoin(rawValue: $0) }
        if request.twins.isEmpty, report != nil, !quick { request.twins = [.latest] }
        if report != nil {
            request.reportedCommand = Self.told(CommandLine.arguments.dropFirst().map { $0 })
        }
        request.dropped = spine.drop
        request.lookup = try engine.lookup()
        return request
    }

    /// The command as a page may show it: where the store is and by which password is nobody's business who reads that.
    static func told(_ words: [String]) -> String {
        var told = "asof"
        var isSecret = false
        for word in words {
            let option =
                word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
                ?? word
            defer { isSecret = !isSecret && ["-d", "--database", "--password-command"].contains(word) }
            if isSecret {
                told += " …"
            } else if option != word, ["--database", "--password-command", "-d"].contains(option) {
                told += " \(option)=…"
            } else if word.hasPrefix("-d"), !word.hasPrefix("--"), word.count > 2 {
                told += " -d …"
            } else {
                told += " " + quoted(word)
            }
        }
        return told
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=,@+%".contains($0) }
        return isPlain && !word.isEmpty ? word : word.shellQuoted
    }

    func run() throws {
        TableWriter.keepMemory()
        let request = try request()
        let open = try store.open(forWriting: !dryRun)
        TemporaryPaths.removeOnSignals()
        let isSilent = quiet || json
        var line = Progress(isQuiet: isSilent)
        let result = try open.train(request) { event in
            switch event {
            case .exporting(.warning(let text)), .warning(let text):
                line.clear()
                Console.writeError("WARNING: \(text)")
            case .exporting(.progress(let progress)):
                line.update(progress.spine, rows: progress.rows, done: progress.done)
            case .exporting: break
            case .split(let split):
                line.clear()
                if !isSilent { Console.write(TrainedText.split(split)) }
            case .run(let run, _):
                line.clear()
                if !isSilent {
                    Console.write("\(run.text): loss on the valid rows \(TrainedText.figure(run.validLoss))")
                }
            case .round(let round, let rounds, let metric):
                line.update("round \(round) of at most \(rounds): loss on the valid rows \(TrainedText.figure(metric))")
            }
        }
        line.clear()
        if let report, let page = result.report {
            do { try Data(page.html().utf8).write(to: URL(fileURLWithPath: report)) } catch {
                throw WorkflowError.refused(
                    "\(report): the report cannot be written; \(TrainedText.registered(result, model: model))"
                )
            }
        }
        if json {
            Console.write(TrainedText.json(result, model: model))
        } else if !quiet {
            Console.write(TrainedText.report(result, model: model))
            if let report { Console.write("report \(report)") }
        }
        if !result.isBetter, request.promotion == .ifBetter { throw ExitCode(10) }
    }
}
