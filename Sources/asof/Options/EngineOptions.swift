import ArgumentParser
import Store
import TrainingSets
import Workflows

/// How an export looks features up, and what it may use.
struct EngineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "auto, probe (look-ups in PostgreSQL) or scan (history passes by in order); all give the same.",
            valueName: "engine"
        )
    )
    var engine = "auto"
    @Option(help: ArgumentHelp("Memory that a scan may take, at least 256MiB.", valueName: "amount"))
    var memory = "2GiB"
    @Option(
        help: ArgumentHelp("Threads that a scan may use. Default: the CPUs that the process may use.", valueName: "n")
    )
    var threads: Int?
    @OptionGroup var segments: SegmentOptions

    func validate() throws {
        guard engine == "auto" || JoinEngine(rawValue: engine) != nil else {
            throw ValidationError("--engine '\(engine)': expected auto, probe or scan")
        }
        let bytes = try MemoryArgument.parse(memory, option: "--memory")
        guard bytes >= TrainingSetLimits.scanMemoryMinBytes else {
            throw ValidationError("--memory \(memory): at least \(TrainingSetLimits.scanMemoryMinBytes >> 20)MiB")
        }
        if let threads, !(1...256).contains(threads) {
            throw ValidationError("--threads \(threads): expected 1 to 256")
        }
    }

    var threadCount: Int { threads ?? AvailableCPUs.count }

    func lookup() throws -> LookupOptions {
        LookupOptions(
            engine: JoinEngine(rawValue: engine),
            memory: try MemoryArgument.parse(memory, option: "--memory"),
            threads: threadCount,
            segments: segments.location
        )
    }
}
