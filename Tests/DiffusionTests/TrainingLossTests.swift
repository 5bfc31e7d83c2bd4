import Diffusion
import Glibc
import ModelConfig
import TensorCore
import Testing

/// The losses and their gradients against their definitions, written out in Double.
struct TrainingLossTests {
  /// A pass of three images of 2×2×3 at the first, a middle and the last step.
  struct Pass {
    static let count = 12
    let config: SchedulerConfig
    let outputs: Int
    let memory: FloatBuffer
    let data, noise, target, output, gradient: Tensor
    let t = [1, 7, 20]

    init(_ prediction: PredictionType, _ variance: VarianceType, seed: UInt64 = 1) {
      var config = SchedulerConfig()
      config.numTrainTimesteps = 20
      config.betaEnd = 0.3
      config.predictionType = prediction
      config.varianceType = variance
      config.clipSample = false
      self.config = config
      outputs = variance == .learnedRange ? 6 : 3
      let memory = FloatBuffer(count: 3 * 36 + 2 * 12 * outputs)
      self.memory = memory
      func tensor(_ index: Int) -> Tensor { memory.tensor(at: index * 36, Shape(3, 2, 2, 3)) }
      (data, noise, target) = (tensor(0), tensor(1), tensor(2))
      let shape = Shape(3, 2, 2, outputs)
      output = memory.tensor(at: 108, shape)
      gradient = memory.tensor(at: 108 + shape.count, shape)
      let random = Philox(seed: seed, stream: 200)
      for i in 0..<36 {
        // Pixel values, the outermost among them.
        let byte = i % 5 == 0 ? 0 : i % 7 == 0 ? 255 : (37 * i) % 256
        unsafe data.elements[i] = Float(byte) / 127.5 - 1
      }
      random.fillNormal(noise, step: 0, image: 0)
      random.fillNormal(output, step: 1, image: 0)
      let diffusion = GaussianDiffusion(NoiseSchedule(config))
      let parameterization = Parameterization(diffusion, prediction)
      for n in 0..<3 {
        func image(_ x: Tensor) -> Tensor { x.images(n..<n + 1) }
        parameterization.target(
          data: image(data), noise: image(noise), t: t[n], into: image(target))
      }
    }

    func images(weights: [Double]? = nil) -> TrainingLoss.Images {
      TrainingLoss.Images(data: data, target: target, t: t, weights: weights)
    }

    /// Elements of image n, in Double.
    func values(_ x: Tensor, _ n: Int) -> [Double] {
      unsafe x.images(n..<n + 1).elements.map(Double.init)
    }
  }

  /// L_vlb, min-SNR-γ and so on of image n, with the reverse chain written as in the notes: x̂₀ from
  /// xₜ and the output, both means from (15), the divergence of theorem I.3, the decoder (19).
  static func reference(
    _ kind: TrainingLoss.Kind, _ pass: Pass, _ n: Int, output: [Double]
  ) -> (simple: Double, bound: Double) {
    let schedule = NoiseSchedule(pass.config)
    let t = pass.t[n]
    let (beta, alpha) = (schedule.beta[t], schedule.alpha[t])
    let (bar, before) = (schedule.alphaBar[t], schedule.alphaBar[t - 1])
    let (data, noise) = (pass.values(pass.data, n), pass.values(pass.noise, n))
    let posterior = { (t: Int) in
      schedule.beta[t] * (1 - schedule.alphaBar[t - 1]) / (1 - schedule.alphaBar[t])
    }
    var (simple, bound) = (0.0, 0.0)
    for i in 0..<Pass.count {
      let pixel = i / 3
      let o = output[pixel * pass.outputs + i % 3]
      let x = bar.squareRoot() * data[i] + (1 - bar).squareRoot() * noise[i]
      let (target, estimate): (Double, Double) =
        switch pass.config.predictionType {
        case .epsilon: (noise[i], (x - (1 - bar).squareRoot() * o) / bar.squareRoot())
        case .sample: (data[i], o)
        case .velocity:
          (
            bar.squareRoot() * noise[i] - (1 - bar).squareRoot() * data[i],
            bar.squareRoot() * x - (1 - bar).squareRoot() * o
          )
        }
      simple += (o - target) * (o - target) / Double(Pass.count)

      let small = posterior(max(t, 2))
      let variance: Double
      switch pass.config.varianceType {
      case .fixedSmall: variance = small
      case .fixedLarge: variance = t == 1 ? small : beta
      case .learnedRange:
        let share = (output[pixel * pass.outputs + 3 + i % 3] + 1) / 2
        variance = exp(share * log(beta) + (1 - share) * log(small))
      }
      func mean(_ x0: Double) -> Double {
        alpha.squareRoot() * (1 - before) / (1 - bar) * x + before.squareRoot() * beta / (1 - bar)
          * x0
      }
      let nats: Double
      if t == 1 {
        let deviation = (2 * variance).squareRoot()
        let upper = data[i] > 0.999 ? 1 : erf((data[i] + 1 / 255.0 - mean(estimate)) / deviation)
        let lower = data[i] < -0.999 ? -1 : erf((data[i] - 1 / 255.0 - mean(estimate)) / deviation)
        nats = -log((upper - lower) / 2)
      } else {
        let difference = mean(data[i]) - mean(estimate)
        nats =
          0.5
          * (log(variance / posterior(t)) + (posterior(t) + difference * difference) / variance - 1)
      }
      bound += nats * Double(schedule.steps) / log(2) / Double(Pass.count)
    }
    return (simple, bound)
  }

  static let kinds: [(TrainingLoss.Kind, VarianceType)] = [
    (.simple, .fixedSmall), (.minSNR(gamma: 0.5), .fixedSmall), (.variationalBound, .fixedSmall),
    (.variationalBound, .fixedLarge), (.variationalBound, .learnedRange),
    (.hybrid(weight: 0.01), .learnedRange),
  ]

  /// What of the reference's two parts moves output `index`, and the loss as a whole.
  static func combined(
    _ kind: TrainingLoss.Kind, _ pass: Pass, _ n: Int, output: [Double], moving index: Int? = nil
  ) -> Double {
    let (simple, bound) = reference(kind, pass, n, output: output)
    switch kind {
    case .simple: return simple
    case .minSNR(let gamma):
      let bar = NoiseSchedule(pass.config).alphaBar[pass.t[n]]
      let ratio = bar / (1 - bar)
      switch pass.config.predictionType {
      case .epsilon: return min(ratio, gamma) / ratio * simple
      case .sample: return min(ratio, gamma) * simple
      case .velocity: return min(ratio, gamma) / (ratio + 1) * simple
      }
    case .variationalBound: return bound
    case .hybrid(let weight):
      // The bound's gradient stops at the prediction.
      guard let index else { return simple + weight * bound }
      return index % pass.outputs < 3 ? simple : weight * bound
    }
  }

  /// Near the targets, where the decoder's probabilities are no zeros in the reference, which does
  /// not work with logarithms.
  @Test(arguments: kinds, PredictionType.allCases)
  func valuesAndGradients(kind: (TrainingLoss.Kind, VarianceType), prediction: PredictionType) {
    let pass = Pass(prediction, kind.1)
    for i in 0..<36 {
      let place = i / 3 * pass.outputs + i % 3
      let step: Float = i < 12 && prediction != .epsilon ? 0.01 : 0.3
      unsafe pass.output.elements[place] =
        pass.target.elements[i] + step * pass.output.elements[place]
    }
    let loss = TrainingLoss(kind.0, pass.config, batch: 5)
    let weights = [0.7, 2, 1.25]
    let (share, each) = loss.evaluate(
      pass.output, pass.images(weights: weights), gradient: pass.gradient)
    var expected = 0.0
    for n in 0..<3 {
      let output = pass.values(pass.output, n)
      let value = Self.combined(kind.0, pass, n, output: output)
      #expect(abs(each[n] - value) < 2e-4 * abs(value), "t = \(pass.t[n])")
      expected += weights[n] * value / 5
      let gradient = pass.values(pass.gradient, n)
      let scale = gradient.map(abs).max() ?? 0
      for i in output.indices {
        let slope = slope(output, at: i) {
          Self.combined(kind.0, pass, n, output: $0, moving: i)
        }
        #expect(
          abs(gradient[i] - weights[n] / 5 * slope) < 2e-4 * scale, "t = \(pass.t[n]), \(i)")
      }
    }
    #expect(abs(share - expected) < 2e-4 * abs(expected))
  }

  private func slope(_ x: [Double], at i: Int, _ f: ([Double]) -> Double) -> Double {
    let step = 1e-4
    func moved(by step: Double) -> Double {
      var y = x
      y[i] += step
      return f(y)
    }
    return
      (8 * (moved(by: step) - moved(by: -step)) - (moved(by: 2 * step) - moved(by: -2 * step)))
      / (12 * step)
  }

  /// Hang et al.: whatever the network predicts, the squared error of x̂₀ has the weight
  /// min(SNR, γ).
  @Test(arguments: PredictionType.allCases, [0.3, 5])
  func minSNRWeighsTheErrorOfTheImage(prediction: PredictionType, gamma: Double) {
    let pass = Pass(prediction, .fixedSmall)
    let diffusion = GaussianDiffusion(NoiseSchedule(pass.config))
    let (_, each) = TrainingLoss(.minSNR(gamma: gamma), pass.config, batch: 3).evaluate(
      pass.output, pass.images(weights: [1, 1, 1]), gradient: pass.gradient)
    for n in 0..<3 {
      func image(_ x: Tensor) -> Tensor { x.images(n..<n + 1) }
      let t = pass.t[n]
      let x = image(pass.noise)
      diffusion.diffuse(image(pass.data), t: t, noise: x, into: x)
      Parameterization(diffusion, prediction).data(image(pass.output), x: x, t: t, into: x)
      let error = sumOfSquaredDifferences(image(pass.data), x) / Double(Pass.count)
      let bar = diffusion.schedule.alphaBar[t]
      #expect(abs(each[n] / (min(bar / (1 - bar), gamma) * error) - 1) < 1e-4)
    }
  }

  /// Without weights L_simple is what `SimpleLoss` says of the pass as a whole, to the bit.
  @Test func simpleIsAlgorithm1() {
    let pass = Pass(.epsilon, .fixedSmall)
    let (share, each) = TrainingLoss(.simple, pass.config, batch: 4).evaluate(
      pass.output, pass.images(), gradient: pass.gradient)
    let plain = SimpleLoss(elements: 48)
    #expect(share == plain.value(prediction: pass.output, noise: pass.noise))
    #expect(each.isEmpty)
    let gradient = pass.values(pass.gradient, 0) + pass.values(pass.gradient, 1)
    plain.gradient(prediction: pass.output, noise: pass.noise, into: pass.gradient)
    #expect(gradient == pass.values(pass.gradient, 0) + pass.values(pass.gradient, 1))
    // Weights of 1 change roundings only.
    let (weighted, _) = TrainingLoss(.simple, pass.config, batch: 4).evaluate(
      pass.output, pass.images(weights: [1, 1, 1]), gradient: pass.gradient)
    #expect(abs(weighted - share) < 1e-6 * share)
  }

  /// T times a term of the bound is what L_vlb says at its t.
  @Test(arguments: VarianceType.allCases, PredictionType.allCases)
  func theBoundIsTheMeanOfItsLoss(variance: VarianceType, prediction: PredictionType) {
    let pass = Pass(prediction, variance)
    let diffusion = GaussianDiffusion(NoiseSchedule(pass.config))
    let bound = VariationalBound(pass.config)
    let (_, each) = TrainingLoss(.variationalBound, pass.config, batch: 3).evaluate(
      pass.output, pass.images(weights: [1, 1, 1]), gradient: pass.gradient)
    for n in 0..<3 {
      func image(_ x: Tensor) -> Tensor { x.images(n..<n + 1) }
      let x = image(pass.noise)
      diffusion.diffuse(image(pass.data), t: pass.t[n], noise: x, into: x)
      let term = bound.terms(image(pass.output), data: image(pass.data), x: x, t: pass.t[n])[0]
      #expect(abs(each[n] / (20 * term.bits) - 1) < 1e-4)
    }
  }
}

/// Importance sampling of t.
struct LossHistoryTests {
  /// A history of a chain of five steps whose losses at t lie around t²; every number is recorded,
  /// the first three are forgotten.
  private static func history() -> (LossHistory, secondMoments: [Double]) {
    let history = LossHistory(steps: 5)
    var moments = [Double](repeating: 0, count: 5)
    for k in 0..<13 {
      for t in 1...5 {
        let loss = Double(Float(Double(t * t) * (1 + 0.1 * Double(k % 4))))
        history.record(loss, t: t)
        if k >= 3 { moments[t - 1] += loss * loss / 10 }
      }
    }
    return (history, moments)
  }

  @Test func probabilitiesFollowTheSecondMoments() throws {
    let (history, moments) = Self.history()
    let distribution = try #require(history.distribution)
    let roots = moments.map { $0.squareRoot() }
    let total = roots.reduce(0, +)
    for t in 1...5 {
      let expected = 0.999 * roots[t - 1] / total + 0.001 / 5
      #expect(abs(distribution.probabilities[t - 1] - expected) < 1e-12)
    }
    #expect(abs(distribution.probabilities.reduce(0, +) - 1) < 1e-12)
  }

  /// Over all uniform numbers, t comes as often as its probability says, and the mean of weight ·
  /// f(t) is that of f.
  @Test func drawsAreUnbiased() throws {
    let distribution = try #require(Self.history().0.distribution)
    let f = [3.0, -1, 4, 1, 5]
    var counts = [Double](repeating: 0, count: 5)
    var mean = 0.0
    let draws = 200_000
    for i in 0..<draws {
      let (t, weight) = distribution.draw((Double(i) + 0.5) / Double(draws))
      counts[t - 1] += 1 / Double(draws)
      mean += weight * f[t - 1] / Double(draws)
    }
    for t in 0..<5 { #expect(abs(counts[t] - distribution.probabilities[t]) < 1e-5) }
    #expect(abs(mean - 12 / 5.0) < 1e-3)
    #expect(distribution.draw(0).t == 1 && distribution.draw(1 - 0x1p-53).t == 5)
  }

  @Test func drawsAreUniformUntilEveryStepHasTenLosses() {
    let history = LossHistory(steps: 3)
    for k in 0..<10 {
      #expect(history.distribution == nil)
      for t in 1...3 where k < 9 || t < 3 { history.record(1, t: t) }
    }
    #expect(history.distribution == nil)
    history.record(1, t: 3)
    #expect(history.distribution != nil)
  }

  /// Losses that are all 0 say nothing.
  @Test func noLossAtAllIsNoImportance() {
    let history = LossHistory(steps: 1)
    for _ in 0..<10 { history.record(0, t: 1) }
    #expect(history.distribution == nil)
  }
}
