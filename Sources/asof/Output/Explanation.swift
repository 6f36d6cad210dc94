import PointInTime
import TrainingSets
import Workflows

/// What `--explain` prints: how an export is made, and afterwards what it took.
struct Explanation {
    /// To standard error where standard output is for a program.
    let isForProgram: Bool

    private func write(_ text: String) {
        if isForProgram { Console.writeError(text) } else { Console.write(text) }
    }

    func plan(_ made: ExportPlan, _ engine: EngineOptions) {
        let plan = made.join
        let spine = made.spineRows.map { CountText.count($0, "row") } ?? "unknown length"
        write("plan: \(plan.engine.rawValue) (\(plan.reason)); spine of \(spine)")
        if let estimates = plan.estimates {
            write("  estimated: probe \(seconds(estimates.probe)), scan \(seconds(estimates.scan))")
        }
        for view in plan.views {
            write(
                "  view \(view.name): \(CountText.count(view.historyRows, "row")) of history; "
                    + "\(CountText.grouped(view.fileRows)) in \(CountText.count(view.files, "segment")) "
                    + "(\(view.fileBytes >> 20) MiB), at most \(CountText.grouped(view.tailRows)) from PostgreSQL"
            )
        }
        guard plan.engine == .scan else { return }
        write(
            "  memory \(engine.memory): blocks of \(CountText.grouped(made.blockRows)) spine rows; "
                + CountText.count(engine.threadCount, "thread")
        )
    }

    func outcome(_ result: ExportResult) {
        if let report = result.scan {
            let counts = report.counts
            write(
                "read: \(CountText.grouped(counts.groupsRead)) of \(CountText.count(counts.groups, "row group")) "
                    + "(\(CountText.grouped(counts.groups - counts.groupsRead)) skipped), keys and times of "
                    + "\(CountText.grouped(counts.rowsRead)) of \(CountText.count(counts.rows, "row")), "
                    + "values of \(CountText.grouped(counts.rowsTaken)); \(report.fileBytes >> 20) MiB of files; "
                    + "\(CountText.count(report.tailRows, "row")) (\(report.tailBytes >> 20) MiB) from PostgreSQL"
            )
        }
        let stages = result.stages.map { "\($0.stage.rawValue) \(Console.milliseconds($0.elapsed))" }
        write("time: \(stages.joined(separator: ", "))")
    }

    private func seconds(_ seconds: Double) -> String { Console.milliseconds(.seconds(seconds)) }
}
