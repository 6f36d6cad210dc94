import Features
import Forest
import Models
import Predictions
import Reading
import Serving
import Store
import Training
import Wire

/// What ML.PREDICT was asked for, read from its arguments.
extension PredictionCommand {
    private static let allowedOptions: ReplyOptions.Allowed = [.format, .minimumPosition, .time, .nulls, .prediction]

    /// A request that has been understood.
    struct Request: Sendable {
        let entry: ModelShelf.Entry
        let model: ServedModel
        let route: String
        let read: ServiceRead
        let rowCount: Int
        let options: ReplyOptions
        /// What is to be logged of it; `nil` = nothing.
        let logged: LoggedRequest?

        /// About how many nodes of trees and numbers of encoders are looked at, times rows.
        var work: Int { rowCount * (model.forest.treeCount * 6 + model.forest.width + model.model.encoders.work) }
    }

    /// What the log has of a request besides its answers.
    struct LoggedRequest: Sendable {
        let given: [AnsweredRows.Given]
        let id: String?
        let recorder: PredictionRecorder
    }

    static func parse(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog,
        _ recorder: PredictionRecorder?
    ) throws(CommandFault) -> Request {
        let (entry, model, route) = try catalog.model(arguments.text(1))
        let version = model.version
        let service = try catalog.plan(Array("\(version.service)@\(version.serviceVersion)".utf8).span)
        guard service.fingerprint == version.fingerprint else {
            throw CommandFault(
                .modelSchema,
                "\(entry.name)@\(version.version) was trained on \(version.fingerprint), and \(version.service)@\(version.serviceVersion) is \(service.fingerprint) now"
            )
        }
        let given = try asValue { () throws(CommandFault) in
            try ServiceArguments(
                arguments,
                from: 2,
                of: service,
                command: "ML.PREDICT model",
                allowsOverrides: true
            )
        }
        var options = try ReplyOptions(arguments, from: given.end, of: "ml.predict", allowedOptions)
        try options.readTime(arguments, now: reads.source.now)
        let computation = try asValue { () throws(CommandFault) in
            try given.computation(arguments, null: options.nullArgument)
        }
        let read = ServiceRead(
            service,
            of: catalog,
            reads,
            keys: try given.keys(arguments, isTimed: options.time != nil),
            rowCount: given.rowCount,
            computation: computation,
            time: options.time
        )
        return Request(
            entry: entry,
            model: model,
            route: route,
            read: read,
            rowCount: given.rowCount,
            options: options,
            logged: try logged(arguments, given, computation, options, entry, recorder)
        )
    }

    /// - Returns: `nil` where the request is not to be logged.
    private static func logged(
        _ arguments: borrowing Arguments,
        _ given: ServiceArguments,
        _ computation: RowComputation?,
        _ options: ReplyOptions,
        _ entry: ModelShelf.Entry,
        _ recorder: PredictionRecorder?
    ) throws(CommandFault) -> LoggedRequest? {
        let id = try options.requestID.map { index throws(CommandFault) in try requestID(arguments, index) }
        guard let recorder, let share = entry.definition?.log, !options.isNotLogged,
            share >= 1 || Double.random(in: 0..<1) < share
        else { return nil }
        let values = try asValue { () throws(CommandFault) in try given.given(arguments, computation) }
        return LoggedRequest(given: values, id: id, recorder: recorder)
    }

    private static func requestID(_ arguments: borrowing Arguments, _ index: Int) throws(CommandFault) -> String {
        let text = arguments[index]
        guard text.count <= PredictionLimits.requestIDBytesMax else {
            throw CommandFault(
                .limit,
                "ID has \(text.count) bytes; \(PredictionLimits.requestIDBytesMax) are allowed"
            )
        }
        do { try ValueText.checkString(text) } catch { throw CommandFault(.modelValue, "ID: \(error.reason)") }
        return arguments.text(index)
    }

    /// What is wrong with a value, under the code that predictions have for it.
    private static func asValue<Made>(_ body: () throws(CommandFault) -> Made) throws(CommandFault) -> Made {
        do throws(CommandFault) { return try body() } catch {
            guard error.code == .value else { throw error }
            throw CommandFault(.modelValue, error.message)
        }
    }
}
