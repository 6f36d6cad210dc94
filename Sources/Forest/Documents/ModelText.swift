enum ModelText {
    /// A text from a file, short enough for a message.
    static func shown(_ text: String) -> String {
        let short = String(String.UnicodeScalarView(text.unicodeScalars.prefix(60)))
        return "'\(short)\(text.unicodeScalars.count > 60 ? "…" : "")'"
    }

    /// Models of other programs, by their first bytes: some of these formats run code when they are read.
    static func refuseForeign(_ bytes: [UInt8]) throws(ForestError) {
        let hint = "save the model with XGBoost's save_model as .json or .ubj"
        func begins(_ prefix: String) -> Bool { bytes.starts(with: prefix.utf8) }
        if bytes.isEmpty { throw .malformed(at: 0, expected: "a model; the file is empty") }
        if bytes.count >= 2, bytes[0] == 0x80, bytes[1] <= 5 {
            throw .refused(what: "a pickle (or joblib) file", hint: "reading one runs code from it; \(hint)")
        }
        if begins("PK\u{3}\u{4}") { throw .refused(what: "a zip archive (joblib, skops, PyTorch)", hint: hint) }
        if bytes.count >= 2, bytes[0] == 0x78, [0x01, 0x5E, 0x9C, 0xDA].contains(bytes[1]) {
            throw .refused(what: "a compressed (joblib) file", hint: hint)
        }
        if bytes.count >= 2, bytes[0] == 0x1F, bytes[1] == 0x8B {
            throw .refused(what: "a gzip file", hint: "unpack it first, or \(hint)")
        }
        if begins("tree\n") || begins("tree\r\n") {
            throw .refused(what: "LightGBM's text", hint: "train with XGBoost")
        }
        if begins("binf") || begins("bs64") { throw .refused(what: "XGBoost's old binary format", hint: hint) }
        if bytes.count >= 2, bytes[0] == 0x08, bytes[1] <= 0x20 { throw .refused(what: "an ONNX model", hint: hint) }
    }
}
