package import Metrics
package import Wire

extension SlowLog {
    /// A command's arguments as the log keeps them.
    /// - Parameter keptMax: see ``Command/loggedMax``.
    package static func cut(_ arguments: borrowing Arguments, keeping keptMax: Int = .max) -> [[UInt8]] {
        var kept: [[UInt8]] = []
        let open = min(arguments.count, keptMax)
        let shown = open <= CommandLimits.slowLogArgumentsMax ? open : CommandLimits.slowLogArgumentsMax - 1
        for index in 0..<shown {
            let argument = arguments[index]
            var bytes = argument.extracting(0..<min(argument.count, CommandLimits.slowLogArgumentBytesMax))
                .withUnsafeBufferPointer { Array($0) }
            if argument.count > CommandLimits.slowLogArgumentBytesMax {
                bytes += Array("... (\(argument.count - CommandLimits.slowLogArgumentBytesMax) more bytes)".utf8)
            }
            kept.append(bytes)
        }
        if open < arguments.count {
            var bytes = 0
            for index in open..<arguments.count { bytes += arguments[index].count }
            let count = arguments.count - open
            kept.append(Array("(\(count) argument\(count == 1 ? "" : "s") with values, \(bytes) bytes)".utf8))
        } else if shown < arguments.count {
            kept.append(Array("... (\(arguments.count - shown) more arguments)".utf8))
        }
        return kept
    }
}
