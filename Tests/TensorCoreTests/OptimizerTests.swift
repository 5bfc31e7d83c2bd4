import Glibc
@testable import TensorCore
import Testing

/// Adam and AdamW over several steps, and the moving average, against PyTorch's formulas in Double.
@Suite struct OptimizerTests {
  private let memory = TestMemory()

  @Test(arguments: Kernels.available, [1, 17, 65])
  func tenStepsOfAdamAndAdamW(kernels: Kernels, n: Int) {
    for decoupled in [false, true] {
      var c = AdamCoefficients(
        learningRate: 1e-2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1,
        decoupled: decoupled, step: 0, gradientScale: 0.3)
      let weights = memory.random(count: n, seed: 1)
      let (m, v) = (memory.row(.init(n)), memory.row(.init(n)))
      var reference = ReferenceAdam(weights.doubles)
      let start = weights.doubles
      for step in 1...10 {
        let gradients = memory.random(count: n, seed: UInt64(step + 10))
        let before = gradients.bits
        c.step = step
        c.learningRate = 1e-2 / Double(step)
        adamStep(
          weights: weights, gradients: gradients, firstMoments: m, secondMoments: v, c,
          using: kernels)
        reference.step(gradients.doubles, c)
        #expect(gradients.bits == before)
      }
      #expect(distance(m, reference.m) < 1e-6)
      #expect(distance(v, reference.v) < 1e-6)
      #expect(distance(weights, reference.weights) < 1e-6)
      // What has been learnt, apart from what was there.
      let learnt = zip(weights.doubles, start).map(-)
      #expect(distance(learnt, zip(reference.weights, start).map(-)) < 1e-4)
    }
  }

  /// ε is added to the root of the corrected second moment: visible where gradients are tiny.
  @Test(arguments: Kernels.available)
  func epsilonIsOutsideTheRoot(kernels: Kernels) {
    let c = AdamCoefficients(
      learningRate: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-3, weightDecay: 0, decoupled: true,
      step: 1, gradientScale: 1)
    let weights = memory.row([0, 0])
    let (m, v) = (memory.row([0, 0]), memory.row([0, 0]))
    adamStep(
      weights: weights, gradients: memory.row([1e-3, 0]), firstMoments: m, secondMoments: v, c,
      using: kernels)
    #expect(distance(weights, [-0.5, 0]) < 1e-6)
  }

  /// Late in a long run βⁿ is tiny, and early corrections are gone.
  @Test func biasCorrectionsVanish() {
    let weights = memory.row([0])
    let (m, v) = (memory.row([0.5]), memory.row([0.25]))
    let c = AdamCoefficients(
      learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 0, weightDecay: 0, decoupled: false,
      step: 1_000_000, gradientScale: 1)
    adamStep(
      weights: weights, gradients: memory.row([0.5]), firstMoments: m, secondMoments: v, c)
    #expect(distance(weights, [-0.1]) < 1e-6)
  }

  @Test(arguments: Kernels.available, oddSizes)
  func theAverageMovesTowardTheWeights(kernels: Kernels, n: Int) {
    let (average, x) = (memory.random(count: n, seed: 2), memory.random(count: n, seed: 3))
    let expected = zip(average.doubles, x.doubles).map { 0.995 * $0 + 0.005 * $1 }
    moveAverage(average, toward: x, decay: 0.995, using: kernels)
    #expect(distance(average, expected) < 1e-6)
  }
}

/// `torch.optim.Adam` and `AdamW` as their documentation states the algorithms.
private struct ReferenceAdam {
  var weights: [Double]
  var m: [Double]
  var v: [Double]

  init(_ weights: [Double]) {
    self.weights = weights
    m = .init(weights.count)
    v = .init(weights.count)
  }

  mutating func step(_ gradients: [Double], _ c: AdamCoefficients) {
    for i in weights.indices {
      var g = gradients[i] * c.gradientScale
      if c.decoupled {
        weights[i] -= c.learningRate * c.weightDecay * weights[i]
      } else {
        g += c.weightDecay * weights[i]
      }
      m[i] = c.beta1 * m[i] + (1 - c.beta1) * g
      v[i] = c.beta2 * v[i] + (1 - c.beta2) * g * g
      let mHat = m[i] / (1 - pow(c.beta1, Double(c.step)))
      let vHat = v[i] / (1 - pow(c.beta2, Double(c.step)))
      weights[i] -= c.learningRate * mHat / (vHat.squareRoot() + c.epsilon)
    }
  }
}
