import Columnar
import Features
import Foundation
package import Models
import PointInTime
import Store
import Training
import TrainingSets

/// A matrix that is wanted, as a version of a model reads it.
package struct EncodeRequest: Sendable {
    /// `model`, `model@7` or `model@challenger`.
    package var model: String
    package var spine: SpineSource
    package var labelTime: String
    package var state: LedgerStateChoice = .newest
    package var target: ExportTarget
    /// Columns of the spine to leave out.
    package var dropped: [String] = []
    package var lookup = LookupOptions()

    package init(model: String, spine: SpineSource, labelTime: String, target: ExportTarget) {
        self.model = model
        self.spine = spine
        self.labelTime = labelTime
        self.target = target
    }
}

/// What was written.
package struct EncodeResult: Sendable {
    package var version: ModelVersion
    package var rows: Int
    /// Of the numbers, in the order of the file.
    package var names: [String]
    package var fingerprint: String
    /// By input: rows whose value training did not have.
    package var unseen: [(name: String, rows: Int)]
    package var descriptionPath: String
}

/// What lies beside a matrix: how it was made.
private struct MatrixDescription: Encodable {
    var format = "asof-matrix/1"
    var model: String
    var version: Int
    var service: String
    var serviceVersion: Int
    /// See ``ModelSignature/fingerprint``.
    var encoding: String
    var position: Int64
    var contentDigest: String
    var rows: Int
    var columns: [String]
    /// XGBoost's types of the columns.
    var types: [String]
}

extension OpenStore {
    /// Writes the numbers that a version of a model reads for the rows of a spine: behind the label time, and the model's label
    /// where the spine has it, one float32 column for each number.
    ///
    /// - Throws: ``WorkflowError``, `ModelsError`, or as ``export(_:event:)``; there is no file then but what was there before.
    package func encode(_ request: EncodeRequest) throws -> EncodeResult {
        try control.run {
            let version = try ModelRegistry(session).resolve(request.model)
            let label = try Registry.load(session).definitions.model(named: version.model)?.label
            let folder = try PrivateFolder(for: "encode")
            defer { folder.remove() }
            let path = folder.url.appendingPathComponent("set.arrow").path
            var export = ExportRequest(
                spine: request.spine,
                labelTime: request.labelTime,
                features: "\(version.service)@\(version.serviceVersion)",
                target: try ExportTarget(path, format: .arrow, spine: nil)
            )
            export.state = request.state
            export.dropped = request.dropped
            export.lookup = request.lookup
            let manifest = try self.export(export).manifest
            let reader = try TableReader(path: path, format: .arrow, options: InputOptions())
            let signature = version.signature
            var requests = signature.columns.map { ColumnRequest(sourceName: $0.name, type: $0.type) }
            requests.append(ColumnRequest(sourceName: request.labelTime, type: .timestamp))
            if let label, let own = try reader.inferTypes().first(where: { $0.sourceName == label }) {
                requests.append(own)
            }
            try reader.select(requests)
            let passed = requests[signature.columns.count...]
            let names = signature.featureNames
            let data = try TemporaryFile(for: request.target.place ?? request.target.path, shown: request.target.path)
            let writer = try data.naming {
                try TableWriter(
                    path: data.path,
                    format: request.target.format,
                    columns: passed.map { (name: $0.sourceName, type: $0.type) }
                        + names.map { (name: $0, type: .float32) }
                )
            }
            let encoders = Encoders(signature)
            var (rows, unseen) = (0, [Int](repeating: 0, count: signature.inputs.count))
            while let batch = try reader.next() {
                try control.check()
                let matrix = DesignMatrix(
                    Array(batch.columns[..<signature.columns.count]),
                    encoders,
                    rowCount: batch.rowCount
                )
                for (index, count) in matrix.unseen.enumerated() { unseen[index] += count }
                let written = ColumnBatch(
                    names: passed.map(\.sourceName) + names,
                    columns: batch.columns[signature.columns.count...] + matrix.columns,
                    rowCount: batch.rowCount
                )
                try data.naming { try writer.write(written) }
                rows += batch.rowCount
            }
            try data.naming { try writer.finish() }
            let description = MatrixDescription(
                model: version.model,
                version: version.version,
                service: version.service,
                serviceVersion: version.serviceVersion,
                encoding: try signature.fingerprint,
                position: manifest.store.position,
                contentDigest: manifest.contentDigest,
                rows: rows,
                columns: names,
                types: signature.featureTypes
            )
            let descriptionPath = request.target.path + ".encoding.json"
            let descriptionPlace = try OutputPlace.resolve(descriptionPath)
            let file = try TemporaryFile(for: descriptionPlace, shown: descriptionPath)
            try Data(try JSONDocument.encode(description, isPretty: true).utf8).write(
                to: URL(fileURLWithPath: file.path)
            )
            try control.check()
            unlink(descriptionPlace)
            try data.place()
            try file.place()
            return EncodeResult(
                version: version,
                rows: rows,
                names: names,
                fingerprint: description.encoding,
                unseen: zip(signature.inputs, unseen).filter { $0.1 > 0 }.map { ($0.name, $1) },
                descriptionPath: descriptionPath
            )
        }
    }
}
