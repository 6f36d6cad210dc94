import Models
import Reading
import Serving
import Training
import Wire

/// The reply of ML.PREDICT.
extension PredictionCommand {
    static func write(_ request: Request, _ rows: ServiceRows, _ answers: Answers, _ reply: inout ReplyWriter) {
        let options = request.options
        let names = request.model.version.signature.outputNames
        let isPacked = options.format == .packed32 || options.format == .packed64
        reply.map((isPacked ? 5 : 4) + (options.hasMeta ? 6 : 0) + (options.hasVector ? 1 : 0))
        reply.bulk("model")
        reply.bulk(request.entry.name)
        reply.bulk("version")
        reply.integer(Int64(request.model.version.version))
        switch options.format {
        case .packed32, .packed64:
            reply.bulk("schema")
            reply.bulk(request.model.version.fingerprint)
            reply.bulk("rows")
            reply.integer(Int64(request.rowCount))
            reply.bulk("data")
            reply.bulk(answers.packed(isDouble: options.format == .packed64).span)
        case .rows:
            writeNames(names, &reply)
            reply.bulk("rows")
            reply.array(request.rowCount)
            for row in 0..<request.rowCount where !reply.isRefused {
                reply.array(names.count)
                for output in names.indices { writeValue(answers.values[row * names.count + output], &reply) }
            }
        case .columns:
            writeNames(names, &reply)
            reply.bulk("values")
            reply.array(names.count)
            for output in names.indices where !reply.isRefused {
                reply.array(request.rowCount)
                for row in 0..<request.rowCount { writeValue(answers.values[row * names.count + output], &reply) }
            }
        }
        if options.hasVector {
            reply.bulk("features")
            reply.array(request.rowCount)
            for row in 0..<request.rowCount where !reply.isRefused {
                reply.array(answers.matrix.width)
                for column in 0..<answers.matrix.width {
                    let value = answers.matrix.values[row * answers.matrix.width + column]
                    if value.isNaN { reply.null() } else { reply.float(value) }
                }
            }
        }
        if options.hasMeta { writeMeta(request, rows, answers, &reply) }
    }

    private static func writeNames(_ names: [String], _ reply: inout ReplyWriter) {
        reply.bulk("columns")
        reply.array(names.count)
        for name in names { reply.bulk(name) }
    }

    private static func writeValue(_ value: Float?, _ reply: inout ReplyWriter) {
        if let value { reply.float(value) } else { reply.null() }
    }

    private static func writeMeta(
        _ request: Request,
        _ rows: ServiceRows,
        _ answers: Answers,
        _ reply: inout ReplyWriter
    ) {
        reply.bulk("route")
        reply.bulk(request.route)
        reply.bulk("position")
        reply.integer(rows.position)
        reply.bulk("model_position")
        reply.integer(request.entry.position)
        reply.bulk("at")
        reply.integer(rows.time)
        reply.bulk("status")
        reply.array(request.rowCount)
        for status in answers.statuses where !reply.isRefused { reply.bulk(status.rawValue) }
        reply.bulk("age")
        reply.array(request.rowCount)
        for row in 0..<request.rowCount where !reply.isRefused {
            let oldest = rows.eventTimes.compactMap { $0?[row] }.min()
            if let oldest { reply.integer(max(rows.time - oldest, 0)) } else { reply.null() }
        }
    }
}
