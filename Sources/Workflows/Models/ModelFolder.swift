import Drift
import Features
import Forest
import Foundation
import Models
import Training

/// A version of a model as files: what leaves a store, and comes into one.
///
/// `version.json` has what is registered of it, `model.ubj` or `model.json` is its file as it is in the store, and `golden.csv` its
/// golden rows: a column for each number that the model reads, empty = missing, behind them `margin`, or `margin_0`, `margin_1` …
/// of several outputs, each as the shortest decimal that is the same single-precision number.
struct ModelFolder {
    static let versionName = "version.json"
    static let goldenName = "golden.csv"

    /// What `version.json` has.
    struct Version: Codable {
        static let formatName = "asof-version/1"

        var format = Self.formatName
        var model: String
        var version: Int
        var service: String
        var serviceVersion: Int
        /// Of the service's columns: the store that takes it has to have the same.
        var fingerprint: String
        var rules: String
        var algorithm: String
        var signature: ModelSignature
        var base: [Double]
        var fallback: ModelDefinition.Fallback?
        /// The file beside this one, and its SHA-256 in hexadecimal digits.
        var file: String
        var sha256: String
        var manifest: String
        var metrics: String
        var reference: ReferenceHistograms?
    }

    /// Golden rows as text; the same rows give the same text.
    static func golden(_ rows: GoldenRows, names: [String], outputs: Int) -> String {
        func number(_ value: Float) -> String { value.isNaN ? "" : "\(value)" }
        var text = (names + marginNames(outputs)).map(quoted).joined(separator: ",") + "\n"
        let width = names.count
        for row in 0..<rows.count {
            let inputs = rows.inputs[row * width..<(row + 1) * width]
            let margins = rows.margins[row * outputs..<(row + 1) * outputs]
            text += (inputs.map(number) + margins.map(number)).joined(separator: ",") + "\n"
        }
        return text
    }

    static func marginNames(_ outputs: Int) -> [String] {
        outputs == 1 ? ["margin"] : (0..<outputs).map { "margin_\($0)" }
    }

    private static func quoted(_ name: String) -> String {
        let isPlain = !name.contains { ",\"\n\r".contains($0) }
        return isPlain ? name : "\"" + name.replacing("\"", with: "\"\"") + "\""
    }
}
