import Glibc
@testable import TensorCore
import TestSupport
import Testing

/// Random numbers: the published generator, the same bits in every build, the right distributions.
@Suite struct PhiloxTests {
  private let memory = TestMemory()
  private let philox = Philox(seed: 0x0123_4567_89ab_cdef, stream: 5)

  /// The known answers that Random123 publishes (`kat_vectors`, philox4x32 with 10 rounds).
  @Test func theReferenceGivesThePublishedAnswers() {
    #expect(
      ReferencePhilox.block(counter: .zero, key: .zero)
        == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    #expect(
      ReferencePhilox.block(
        counter: .init(repeating: .max), key: .init(repeating: .max))
        == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      ReferencePhilox.block(
        counter: [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
        key: [0xa409_3822, 0x299f_31d0])
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  /// Of 16 blocks together, so block 0 is every sixteenth word.
  @Test(arguments: Kernels.available)
  func theKernelGivesThePublishedAnswerForZero(kernels: Kernels) {
    let words = Philox(seed: 0, stream: 0).words(count: 64, step: 0, image: 0, using: kernels)
    #expect(
      [words[0], words[16], words[32], words[48]]
        == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
  }

  @Test(arguments: Kernels.available)
  func wordsAreTheReferencesForAnyCounter(kernels: Kernels) {
    var generator = SplitMix(seed: 1)
    for count in [1, 3, 4, 17, 63, 64, 65, 130, 1000] {
      let (seed, other) = (generator.next(), generator.next())
      let (stream, step) = (UInt32(truncatingIfNeeded: other), UInt32(other >> 32))
      for image in [0, 1, UInt32.max] {
        #expect(
          Philox(seed: seed, stream: stream).words(
            count: count, step: step, image: image, using: kernels)
            == ReferencePhilox.words(
              count: count, seed: seed, stream: stream, step: step, image: image))
      }
    }
  }

  @Test func uniformNumbersAreTheWordsUpper24Bits() {
    let words = referenceWords(1000)
    for kernels in Kernels.available {
      let x = memory.row(.init(1000))
      philox.fillUniform(x, step: 3, image: 9, using: kernels)
      #expect(x.floats == words.map { Float($0 >> 8) / 0x1p24 })
    }
  }

  @Test func normalNumbersAreBoxAndMullersInEveryBuildTheSame() throws {
    let n = 64 * 40
    let words = referenceWords(n)
    var expected = [Double](n)
    for group in stride(from: 0, to: n, by: 64) {
      for lane in group..<group + 16 {
        for pair in [lane, lane + 32] {
          let radius = (-2 * log((Double(words[pair]) + 0.5) / 0x1p32)).squareRoot()
          // The upper two bits choose the quarter, from −45° on.
          let angle = (Double(words[pair + 16]) / 0x1p32 - 0.125) * 2 * .pi
          expected[pair] = radius * cos(angle)
          expected[pair + 16] = radius * sin(angle)
        }
      }
    }
    let results = Kernels.available.map { kernels in
      let x = memory.row(.init(n))
      philox.fillNormal(x, step: 3, image: 9, using: kernels)
      return x
    }
    let baseline = try #require(results.first)
    // Near 1 the logarithm has only float32's resolution of the uniform number.
    #expect(distance(baseline, expected) < 1e-4)
    for result in results { #expect(result.bits == baseline.bits) }
  }

  @Test func fewerNumbersAreAPrefixOfMore() {
    let (normal, uniform) = (memory.row(.init(200)), memory.row(.init(200)))
    philox.fillNormal(normal, step: 1, image: 2)
    philox.fillUniform(uniform, step: 1, image: 2)
    let kept = memory.row(.init(repeating: 1, count: 200))
    philox.dropOut(kept, probability: 0.5, step: 1, image: 2)
    for n in 1..<200 {
      let x = memory.row(.init(n))
      philox.fillNormal(x, step: 1, image: 2)
      #expect(x.bits[...] == normal.bits[..<n])
      philox.fillUniform(x, step: 1, image: 2)
      #expect(x.bits[...] == uniform.bits[..<n])
      fill(x, with: 1)
      philox.dropOut(x, probability: 0.5, step: 1, image: 2)
      #expect(x.bits[...] == kept.bits[..<n])
    }
  }

  @Test func everyPartOfTheCounterAndTheKeyCounts() {
    func numbers(_ seed: UInt64, _ stream: UInt32, _ step: UInt32, _ image: UInt32) -> [UInt32] {
      Philox(seed: seed, stream: stream).words(count: 4, step: step, image: image)
    }
    let all = [
      numbers(1, 2, 3, 4), numbers(1 << 32 | 1, 2, 3, 4), numbers(2, 2, 3, 4),
      numbers(1, 3, 3, 4), numbers(1, 2, 4, 4), numbers(1, 2, 3, 5), numbers(1, 2, 4, 3),
    ]
    #expect(Set(all).count == all.count)
  }

  /// Moments within five standard errors, and the distance to Φ within the Kolmogorov–Smirnov
  /// bound of one false alarm in a million (the seed being fixed, there is none).
  @Test func normalNumbersAreNormal() {
    let n = 40_000
    let x = memory.row(.init(n))
    philox.fillNormal(x, step: 0, image: 0)
    let values = x.doubles.sorted()
    func moment(_ k: Double) -> Double { values.reduce(0) { $0 + pow($1, k) } / Double(n) }
    for (k, expected, variance) in [
      (1.0, 0.0, 1.0), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10_170),
    ] {
      #expect(abs(moment(k) - expected) < 5 * (variance / Double(n)).squareRoot())
    }
    var largest = 0.0
    for (i, value) in values.enumerated() {
      let cumulative = 0.5 * erfc(-value / 2.0.squareRoot())
      largest = max(
        largest, cumulative - Double(i) / Double(n), Double(i + 1) / Double(n) - cumulative)
    }
    #expect(largest * Double(n).squareRoot() < 2.7)
  }

  /// Correlations of neighbours in the sequence, of images and of steps, within five standard errors.
  @Test func neighboursAreUncorrelated() {
    let n = 20_000
    func normals(_ step: UInt32, _ image: UInt32) -> [Double] {
      let x = memory.row(.init(n))
      philox.fillNormal(x, step: step, image: image)
      return x.doubles
    }
    let x = normals(0, 0)
    var pairs = [(x, normals(1, 0)), (x, normals(0, 1))]
    for lag in [1, 16, 32, 64] { pairs.append((Array(x.dropLast(lag)), Array(x.dropFirst(lag)))) }
    for (a, b) in pairs {
      let correlation = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / Double(n)
      #expect(abs(correlation) < 5 / Double(n).squareRoot())
    }
  }

  @Test func integersAreUniformBelowTheBound() {
    let bound = 10
    var counts = [Int](repeating: 0, count: bound)
    for image in 0..<5000 {
      counts[philox.integer(below: bound, step: 0, image: UInt32(image))] += 1
    }
    let expected = 5000 / Double(bound)
    let chiSquared = counts.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
    #expect(chiSquared < 38)  // 9 degrees of freedom: once in 60,000
    for image in UInt32(0)..<100 {
      let words = ReferencePhilox.words(
        count: 2, seed: 0x0123_4567_89ab_cdef, stream: 5, step: 8, image: image)
      let fraction = (Double(words[0]) * 0x1p32 + Double(words[1])) / 0x1p64
      #expect(
        philox.integer(below: 1000, step: 8, image: image) == Int(fraction * 1000))
      #expect(philox.integer(below: 1, step: 8, image: image) == 0)
    }
  }

  @Test(arguments: [0, 0.1, 0.5, 0.999])
  func dropoutZeroesWithItsProbabilityAndScalesTheRest(probability: Double) throws {
    let n = 30_001
    let x = memory.random(count: n, seed: 1)
    let masked = Kernels.available.map { kernels in
      let y = memory.copy(of: x)
      philox.dropOut(y, probability: probability, step: 4, image: 5, using: kernels)
      return y
    }
    let first = try #require(masked.first)
    for other in masked { #expect(other.bits == first.bits) }
    let scale = Float(1 / (1 - probability))
    #expect(zip(first.floats, x.floats).allSatisfy { $0 == 0 || $0 == $1 * scale })
    let dropped = Double(first.floats.count { $0 == 0 }) / Double(n)
    let error = (probability * (1 - probability) / Double(n)).squareRoot()
    #expect(abs(dropped - probability) <= 5 * error)
    // The same arguments, the same mask: what the backward pass relies on.
    let gradient = memory.row(.init(repeating: 1, count: n))
    philox.dropOut(gradient, probability: probability, step: 4, image: 5)
    #expect(zip(gradient.floats, first.floats).allSatisfy { ($0 == 0) == ($1 == 0) })
    guard probability > 0 else { return }
    for (step, image) in [(5, 5), (4, 6)] as [(UInt32, UInt32)] {
      fill(gradient, with: 1)
      philox.dropOut(gradient, probability: probability, step: step, image: image)
      #expect(zip(gradient.floats, first.floats).contains { ($0 == 0) != ($1 == 0) })
    }
  }

  private func referenceWords(_ count: Int) -> [UInt32] {
    ReferencePhilox.words(
      count: count, seed: 0x0123_4567_89ab_cdef, stream: 5, step: 3, image: 9)
  }
}
