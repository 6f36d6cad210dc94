import ArgumentParser
import Features
import Models
import Workflows

struct ModelsExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a version into a folder: its file, how columns become numbers, its golden rows.",
        discussion: """
            model.ubj or model.json is the model's file as its trainer wrote it (XGBoost opens it), golden.csv has rows of inputs \
            with the margins that the trainer had, version.json the rest. `asof models import` of another store takes the folder.

            Example:
              asof models export delay@7 delay-7
            """
    )

    @Argument(help: "MODEL, MODEL@VERSION or MODEL@NAME.")
    var model: String
    @Argument(help: "A folder that is new or empty.")
    var folder: String
    @OptionGroup var store: StoreOptions

    func run() throws {
        let version = try store.open(forWriting: false).exportModel(model, to: folder)
        Console.write(
            "\(version.model)@\(version.version) is in \(folder), \(CountText.count(version.artifactBytes, "byte"))"
        )
    }
}

struct ModelsImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Register a model that was trained elsewhere.",
        discussion: """
            FILE is XGBoost's JSON or UBJSON, or asof's linear JSON: it reads the columns of the service as numbers, in the \
            service's order. Or it is a folder that `asof models export` made, of which also the encoders are taken over.

            --golden names rows of inputs, a column for each number that the model reads, with the margins that its trainer had, \
            in margin (of several classes margin_0, margin_1 …): where they differ here to the bit nothing is registered. Without \
            them the version is unproven, and a name that is to stand for it needs --unproven.

            Examples:
              asof models import delay delay-7
              asof models import delay model.ubj --service delay_model@3 --golden golden.csv
            """
    )

    @Argument(help: "A model of features.yaml.")
    var model: String
    @Argument(help: "A model's file, or a folder that was exported.")
    var file: String
    @Option(help: ArgumentHelp("The version of the service that it reads.", valueName: "service@version"))
    var service: String?
    @Option(help: ArgumentHelp("Rows of inputs with the trainer's margins.", valueName: "file"))
    var golden: String?
    @Option(help: ArgumentHelp("Of several classes: their names, in the order of the outputs.", valueName: "a,b,c"))
    var classes: String?
    @Option(
        help: ArgumentHelp(
            "The rate, the shares of classes or the mean of its training rows; by default what it says of golden rows on average.",
            valueName: "number,…"
        )
    )
    var base: String?
    @Option(help: "Why; kept in the model's log.")
    var reason: String?
    @OptionGroup var store: StoreOptions

    func validate() throws { _ = try bases() }

    private func bases() throws -> [Double] {
        try (base?.split(separator: ",", omittingEmptySubsequences: false) ?? []).map { text in
            guard let value = Double(text), value.isFinite else {
                throw ValidationError("--base '\(text)': expected a number for each output, as in 0.2,0.8")
            }
            return value
        }
    }

    func run() throws {
        var request = ImportModelRequest(model: model, path: file)
        request.service = service
        request.golden = golden
        request.classes = classes?.split(separator: ",").map(String.init) ?? []
        request.base = try bases()
        request.reason = reason
        let result = try store.open(forWriting: true).importModel(request)
        let proof =
            result.golden > 0
            ? "\(CountText.count(result.golden, "golden row")) reproduced"
            : "unproven: nobody said which margins its trainer had"
        Console.write(
            "registered \(model)@\(result.version) on \(result.service), \(proof), position \(result.position)"
        )
    }
}

struct ModelsDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what two versions differ in.",
        discussion: """
            Each metric is as it was on the version's own test rows; `asof train` compares a new version with the champion on the \
            same ones.

            Example:
              asof models diff delay@6 delay@7
            """
    )

    @Argument(help: "MODEL, MODEL@VERSION or MODEL@NAME.")
    var left: String
    @Argument(help: "Another.")
    var right: String
    @Flag(help: "Also what is the same.")
    var all = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let difference = try store.open(forWriting: false).compareModels(left, right)
        let names = [difference.left, difference.right].map { "\($0.model)@\($0.version)" }
        let items = difference.items.filter { all || !$0.isSame }
        if json {
            var object = JSONObject([("left", .string(names[0])), ("right", .string(names[1]))])
            var differences = JSONObject()
            for item in items {
                differences.append(
                    item.name,
                    JSONObject([
                        ("left", item.left.map { .string($0) } ?? .null),
                        ("right", item.right.map { .string($0) } ?? .null),
                    ])
                )
            }
            object.append("items", differences)
            Console.write(object.text)
            return
        }
        guard !items.isEmpty else {
            Console.write("\(names[0]) and \(names[1]) differ in nothing")
            return
        }
        var table = TextTable([""] + names)
        for item in items {
            table.append([item.name, Console.cell(item.left ?? "-"), Console.cell(item.right ?? "-")])
        }
        Console.write(table.text)
    }
}
