import Diffusion
import Foundation
import TensorCore
import Testing

@Suite struct TimestepStrataTests {
  @Test(arguments: [
    (1, 1), (2, 2), (3, 2), (20, 3), (20, 19), (20, 20), (1000, 2), (1000, 50), (1000, 999),
    (4000, 700), (100_000, 13),
  ])
  func thePartsAreTheChain(steps: Int, count: Int) {
    let ranges = TimestepStrata(steps: steps, count: count).ranges
    #expect(ranges.count == count)
    #expect(ranges.first?.upperBound == steps && ranges.last == 1...1)
    for (later, earlier) in zip(ranges, ranges.dropFirst()) {
      #expect(later.lowerBound == earlier.upperBound + 1)
    }
    // Parts grow with t, give or take the rounding.
    for (later, earlier) in zip(ranges, ranges.dropFirst()) {
      #expect(later.count + 1 >= earlier.count)
    }
  }

  @Test func exactMeansEveryTimestep() {
    #expect(TimestepStrata(steps: 30).ranges == (1...30).reversed().map { $0...$0 })
    #expect(TimestepStrata(steps: 30).isExact && TimestepStrata(steps: 30, count: 30).isExact)
    #expect(!TimestepStrata(steps: 30, count: 29).isExact)
  }

  @Test func aTimestepIsUniformInItsPart() throws {
    let strata = TimestepStrata(steps: 1000, count: 4)
    let random = Philox(seed: 3, stream: RandomStream.evaluationTimestep.rawValue)
    let range = strata.ranges[0]
    let count = 2000
    let drawn = (0..<count).map { strata.timestep(0, image: $0, random: random) }
    #expect(drawn.allSatisfy(range.contains))
    let mean = Double(drawn.reduce(0, +)) / Double(count)
    let deviation = Double(range.count) / 12.0.squareRoot() / Double(count).squareRoot()
    #expect(abs(mean - Double(range.lowerBound + range.upperBound) / 2) < 5 * deviation)
    #expect(strata.timestep(3, image: 8, random: random) == 1)
  }
}

@Suite struct BoundTotalsTests {
  /// Against the two-pass formulas, on numbers with a mean far from zero.
  @Test func momentsAreThoseOfTheDefinition() throws {
    let numbers = (0..<1000).map { 1e4 + sin(Double($0 * $0)) }
    var moments = Moments()
    #expect(moments.standardError == nil)
    for number in numbers { moments.add(number) }
    let mean = numbers.reduce(0, +) / 1000
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 999
    #expect(abs(moments.mean - mean) < 1e-9)
    let error = try #require(moments.standardError)
    #expect(abs(error / (variance / 1000).squareRoot() - 1) < 1e-9)
  }

  /// T = 3 in parts 2…3 and 1, two images: by hand.
  @Test func totalsAndTheCurveByHand() throws {
    let strata = TimestepStrata(steps: 3, count: 2)
    #expect(strata.ranges == [2...3, 1...1])
    var totals = BoundTotals(strata)
    // 2 · 0.5 + 2 + 0.25 and 2 · 1.5 + 1 + 0.25.
    #expect(totals.add(prior: 0.25, values: [0.5, 0.25, 2, 0.0625]) == 3.25)
    #expect(totals.add(prior: 0.25, values: [1.5, 0.75, 1, 0.1875]) == 4.25)
    #expect(totals.total.mean == 3.75 && totals.total.standardError == 0.5)
    #expect(totals.prior.mean == 0.25 && totals.prior.standardError == 0)
    #expect(totals.transitions.mean == 2 && totals.decoder.mean == 1.5)
    // In the first part one of two terms has been received half of the time.
    let curve = totals.rateDistortion
    #expect(curve.map(\.rate) == [0.25 + 0.5, 0.25 + 2])
    #expect(abs(curve[0].rmse - 127.5 * 0.5.squareRoot()) < 1e-9)
    #expect(abs(curve[1].rmse - 127.5 * 0.125.squareRoot()) < 1e-9)
    // The error of a root is that of its square over twice the root.
    let error = try #require(curve[0].rmseStandardError)
    #expect(abs(error - 127.5 * 127.5 * 0.25 / (2 * curve[0].rmse)) < 1e-9)
  }

  @Test func totalsAreStoredExactly() {
    let strata = TimestepStrata(steps: 9, count: 4)
    var totals = BoundTotals(strata)
    for image in 0..<7 {
      totals.add(
        prior: 1e-5, values: (0..<8).map { Float(1) / Float(3 * $0 + image + 1) })
    }
    #expect(BoundTotals(strata, numbers: totals.numbers) == totals)
    #expect(BoundTotals(TimestepStrata(steps: 9), numbers: totals.numbers) == nil)
  }
}
