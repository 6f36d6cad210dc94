import Features
import Foundation

/// What became of a test of definitions.
struct TestResult {
    let test: FeatureTest
    let file: String
    let seconds: Double
    /// A line each; empty = it passed.
    let differences: [String]

    var text: String {
        let head = "\(differences.isEmpty ? "ok  " : "FAIL") \(test.place) \(test.name) (\(Self.seconds(seconds)) s)"
        return ([head] + differences.map { "     " + $0 }).joined(separator: "\n")
    }

    /// All results in the form that JUnit's readers take.
    static func junit(_ results: [TestResult]) -> String {
        let failed = results.count { !$0.differences.isEmpty }
        let total = seconds(results.reduce(0) { $0 + $1.seconds })
        var lines = [
            #"<?xml version="1.0" encoding="UTF-8"?>"#,
            #"<testsuites tests="\#(results.count)" failures="\#(failed)" time="\#(total)">"#,
            #"  <testsuite name="asof" tests="\#(results.count)" failures="\#(failed)" errors="0" time="\#(total)">"#,
        ]
        for result in results {
            let head =
                #"    <testcase classname="\#(escaped(result.file))" name="\#(escaped(result.test.name))" time="\#(seconds(result.seconds))""#
            guard let first = result.differences.first else {
                lines.append(head + "/>")
                continue
            }
            lines.append(head + ">")
            lines.append(
                #"      <failure message="\#(escaped(first))">\#(escaped(result.differences.joined(separator: "\n")))</failure>"#
            )
            lines.append("    </testcase>")
        }
        return (lines + ["  </testsuite>", "</testsuites>", ""]).joined(separator: "\n")
    }

    private static func seconds(_ seconds: Double) -> String { String(format: "%.2f", seconds) }

    /// Text within XML, also within an attribute; characters that XML does not have are left out.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n": escaped += "&#10;"
            case "\t", "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                escaped.unicodeScalars.append(scalar)
            default: break
            }
        }
        return escaped
    }
}
