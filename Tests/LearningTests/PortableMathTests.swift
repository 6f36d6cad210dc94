import Foundation
import Glibc
import Learning
import TestSupport
import Testing

@Suite struct PortableMathTests {
    private static func places(_ own: Double, _ other: Double) -> Double {
        own == other ? 0 : abs(own - other) / max(other.ulp, own.ulp)
    }

    @Test func `exp, log and log1p are libm's to 2 units in the last place`() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<200_000 {
            let x = Double(random.int(-700_000_000...700_000_000)) / 1e6
            #expect(Self.places(PortableMath.exp(x), exp(x)) <= 2, "exp \(x)")
            let y = abs(x) * exp(Double(random.int(-40...40)))
            if y > 0 {
                #expect(Self.places(PortableMath.log(y), log(y)) <= 2, "log \(y)")
                #expect(Self.places(PortableMath.log1p(y), log1p(y)) <= 3, "log1p \(y)")
            }
            let small = x / 7e8
            #expect(Self.places(PortableMath.log1p(small), log1p(small)) <= 3, "log1p \(small)")
        }
    }

    @Test func `the ends of the range are what IEEE has`() {
        #expect(PortableMath.exp(0) == 1 && PortableMath.exp(1e9) == .infinity && PortableMath.exp(-1e9) == 0)
        #expect(PortableMath.exp(-745) == exp(-745) && PortableMath.exp(.nan).isNaN)
        #expect(PortableMath.log(1) == 0 && PortableMath.log(0) == -.infinity && PortableMath.log(-1).isNaN)
        let least = Double.leastNonzeroMagnitude
        #expect(PortableMath.log(.infinity) == .infinity && PortableMath.log(least) == log(least))
        #expect(PortableMath.log1p(-1) == -.infinity && PortableMath.log1p(-2).isNaN && PortableMath.log1p(0) == 0)
        #expect(
            PortableMath.logistic(0) == 0.5 && PortableMath.logistic(-1_000) == 0 && PortableMath.logistic(40) < 1.001
        )
    }
}
