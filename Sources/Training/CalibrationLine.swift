import Glibc

/// The straight line that fits labels to the log odds of their scores best, by likelihood: of scores that mean what they say its
/// slope is 1 and its intercept 0; a slope below 1 says that they are too sure, above 1 not sure enough.
package struct CalibrationLine: Hashable, Sendable, Codable {
    package var slope: Double
    package var intercept: Double

    /// - Parameters:
    ///   - scores: probabilities, 0 to 1.
    ///   - labels: 0 or 1, one for each.
    /// - Returns: `nil` where all labels or all scores are the same, or where a threshold parts the labels: then no line is best.
    /// - Complexity: O(rows) a step, 100 steps at most.
    package init?(scores: [Double], labels: [Double]) {
        precondition(scores.count == labels.count, "one label a score")
        let odds = scores.map { score in
            let score = min(max(score, .ulpOfOne), 1 - .ulpOfOne)
            return log(score / (1 - score))
        }
        guard labels.contains(0), labels.contains(1), odds.contains(where: { $0 != odds[0] }) else { return nil }
        // Centered, so that steps in both directions are as good.
        let mean = odds.reduce(0, +) / Double(odds.count)
        func loss(_ slope: Double, _ shift: Double) -> Double {
            labels.indices.reduce(0.0) { sum, row in
                let margin = slope * (odds[row] - mean) + shift
                return sum + max(margin, 0) - margin * labels[row] + log1p(exp(-abs(margin)))
            }
        }
        var (slope, shift) = (0.0, 0.0)
        var best = loss(0, 0)
        for _ in 0..<100 {
            var (gradientSlope, gradientShift) = (0.0, 0.0)
            var (bySlope, byBoth, byShift) = (0.0, 0.0, 0.0)
            for row in labels.indices {
                let place = odds[row] - mean
                let probability = 1 / (1 + exp(-(slope * place + shift)))
                let (difference, curvature) = (labels[row] - probability, probability * (1 - probability))
                gradientSlope += difference * place
                gradientShift += difference
                bySlope += curvature * place * place
                byBoth += curvature * place
                byShift += curvature
            }
            let determinant = bySlope * byShift - byBoth * byBoth
            // The curve is flat where the labels are parted: the line would grow steeper for ever.
            guard determinant > 1e-12 * bySlope * byShift, determinant > 0, slope.magnitude < 1e6 else { return nil }
            let stepSlope = (gradientSlope * byShift - gradientShift * byBoth) / determinant
            let stepShift = (gradientShift * bySlope - gradientSlope * byBoth) / determinant
            var share = 1.0
            // Near the best the sums' own rounding is larger than what is left to win.
            let accepted = best * (1 + 1e-13)
            while share > 1e-6, loss(slope + share * stepSlope, shift + share * stepShift) > accepted { share /= 2 }
            slope += share * stepSlope
            shift += share * stepShift
            best = loss(slope, shift)
            let isStill = abs(stepSlope) < 1e-10 * max(1, abs(slope)) && abs(stepShift) < 1e-10 * max(1, abs(shift))
            if isStill || share <= 1e-6 {
                // Of parted labels the loss goes to 0.
                guard best > 1e-6 * Double(labels.count) else { return nil }
                self.slope = slope
                intercept = shift - slope * mean
                return
            }
        }
        return nil
    }
}
