import Diffusion
import Glibc
import ModelConfig
import TensorCore
import Testing

/// The bound where its answer is known in closed form: data N(0, s²) and the exact denoiser.
struct VariationalBoundTests {
  private static let deviation = 0.4

  private static var config: SchedulerConfig {
    var config = SchedulerConfig()
    config.clipSample = false
    config.numTrainTimesteps = 50
    config.betaEnd = 0.2
    return config
  }

  /// The exact x̂₀ of normal data is √ᾱₜ s²/(ᾱₜs² + 1 − ᾱₜ) xₜ, its mean squared error
  /// e = s²(1−ᾱₜ)/(ᾱₜs² + 1 − ᾱₜ). So E[Lₜ₋₁] is ½ [ln(σ²/β̃ₜ) + (β̃ₜ + c²e)/σ² − 1] nats a
  /// dimension, c = √ᾱₜ₋₁ βₜ/(1−ᾱₜ).
  ///
  /// A learned variance is here the same at every pixel, three quarters of the way from ln β̃ₜ to
  /// ln βₜ.
  @Test(arguments: VarianceType.allCases)
  func agreesWithTheClosedFormOfNormalData(variance: VarianceType) {
    var config = Self.config
    config.varianceType = variance
    let bound = VariationalBound(config)
    let schedule = NoiseSchedule(config)
    let denoiser = NormalDataDenoiser(schedule: schedule, mean: 0, deviation: Self.deviation)
    let tensors = Tensors(Shape(64, 8, 8, 1), variance: variance == .learnedRange ? 0.5 : nil)
    tensors.fillData(deviation: Self.deviation)

    let power = Self.deviation * Self.deviation
    let last = schedule.alphaBar[50]
    expect(
      bound.prior(tensors.data), average: 0.5 * (last * power - last - log(1 - last)) / log(2))
    for t in 2...50 {
      let terms = tensors.terms(bound, schedule, denoiser, t: t)
      let (beta, alphaBar, before) = (
        schedule.beta[t], schedule.alphaBar[t], schedule.alphaBar[t - 1]
      )
      let error = power * (1 - alphaBar) / (alphaBar * power + 1 - alphaBar)
      let truth = beta * (1 - before) / (1 - alphaBar)
      let sigma =
        switch variance {
        case .fixedSmall: truth
        case .fixedLarge: beta
        case .learnedRange: exp(0.75 * log(beta) + 0.25 * log(truth))
        }
      let factor = before * beta * beta / ((1 - alphaBar) * (1 - alphaBar))
      let nats = 0.5 * (log(sigma / truth) + (truth + factor * error) / sigma - 1)
      expect(terms.map(\.bits), average: nats / log(2))
      expect(terms.map(\.dataError), average: error)
    }
  }

  /// L₀ of pixels from the discretised N(0, s²), by integrating over x₀ and ε: the mean of the
  /// decoder is the exact x̂₀, and its variance β̃₂, with `fixed_large` too.
  @Test(arguments: [VarianceType.fixedSmall, .fixedLarge])
  func theDecodersTermAgreesWithQuadrature(variance: VarianceType) {
    var config = Self.config
    config.varianceType = variance
    // So slow a beginning that β̃₂ is half of β₁.
    config.betaStart = 0.001
    config.betaEnd = 0.01
    let schedule = NoiseSchedule(config)
    let power = Self.deviation * Self.deviation
    let bar = schedule.alphaBar[1]
    let gain = bar.squareRoot() * power / (bar * power + 1 - bar)
    let sigma =
      (schedule.beta[2] * (1 - schedule.alphaBar[1]) / (1 - schedule.alphaBar[2])).squareRoot()
    func mass(_ byte: Int, _ mean: Double, _ deviation: Double) -> Double {
      let x = Double(byte) / 127.5 - 1
      let scale = deviation * 2.squareRoot()
      let upper = byte == 255 ? 1 : erf((x + 1 / 255.0 - mean) / scale)
      let lower = byte == 0 ? -1 : erf((x - 1 / 255.0 - mean) / scale)
      return (upper - lower) / 2
    }
    var nats = 0.0
    for byte in 0...255 {
      let x = Double(byte) / 127.5 - 1
      for i in -60...60 {
        let epsilon = Double(i) / 10
        let mean = gain * (bar.squareRoot() * x + (1 - bar).squareRoot() * epsilon)
        let density = exp(-epsilon * epsilon / 2) / (2 * .pi).squareRoot() / 10
        nats -= mass(byte, 0, Self.deviation) * density * log(mass(byte, mean, sigma))
      }
    }

    let tensors = Tensors(Shape(256, 8, 8, 1))
    tensors.fillData(deviation: Self.deviation)
    for i in 0..<tensors.data.count {
      let byte = (unsafe (tensors.data.elements[i] + 1) * 127.5).rounded()
      unsafe tensors.data.elements[i] = min(max(byte, 0), 255) / 127.5 - 1
    }
    let denoiser = NormalDataDenoiser(schedule: schedule, mean: 0, deviation: Self.deviation)
    let terms = tensors.terms(VariationalBound(config), schedule, denoiser, t: 1)
    expect(terms.map(\.bits), average: nats / log(2))
  }

  /// (13): the bound is E_q[−log p_θ(x₀…x_T)/q(x₁…x_T|x₀)]. Chains drawn step by step (5) give the
  /// same as the terms of (14), to the standard error of both.
  @Test func theTermsAddUpToTheDefinition() {
    var config = Self.config
    config.numTrainTimesteps = 5
    config.betaStart = 0.05
    let schedule = NoiseSchedule(config)
    let diffusion = GaussianDiffusion(schedule)
    let bound = VariationalBound(config)
    // Not the exact denoiser, so that the terms say something.
    let denoiser = NormalDataDenoiser(schedule: schedule, mean: 0.2, deviation: 0.3)
    let shape = Shape(256, 8, 8, 1)
    let tensors = Tensors(shape)
    for i in 0..<shape.count { unsafe tensors.data.elements[i] = Float(i % 64 * 4) / 127.5 - 1 }

    var sums = bound.prior(tensors.data)
    for t in 1...5 {
      let terms = tensors.terms(bound, schedule, denoiser, t: t)
      for n in sums.indices { sums[n] += terms[n].bits }
    }

    // One chain for each element.
    let random = Philox(seed: 6, stream: 102)
    var definition = [Double](repeating: 0, count: shape.n)
    let (x, output) = (tensors.x, tensors.output)
    func add(_ value: (Int) -> Double) {
      for n in 0..<shape.n {
        definition[n] += (64 * n..<64 * n + 64).reduce(0) { $0 + value($1) } / 64 / log(2)
      }
    }
    func negativeLogDensity(_ difference: Double, _ variance: Double) -> Double {
      0.5 * (log(2 * .pi * variance) + difference * difference / variance)
    }
    copy(tensors.data, into: x)
    for t in 1...5 {
      let before = unsafe x.elements.map(Double.init)
      random.fillNormal(tensors.noise, step: UInt32(t), image: 0)
      diffusion.diffuseOnce(x, t: t, noise: tensors.noise, into: x)
      denoiser.predict(
        x, timesteps: Array(repeating: t - 1, count: shape.n), labels: nil, into: output)
      let (beta, alpha) = (schedule.beta[t], schedule.alpha[t])
      add { i in
        let (x, epsilon) = unsafe (Double(x.elements[i]), Double(output.elements[i]))
        let q = negativeLogDensity(x - alpha.squareRoot() * before[i], beta)
        let mean = (x - beta / diffusion.noiseScale(t) * epsilon) / alpha.squareRoot()
        let p =
          t == 1
          ? -DiscretizedDecoder.logLikelihood(
            before[i], under: Normal(mean: mean, variance: diffusion.posteriorVariance(2)))
          : negativeLogDensity(before[i] - mean, diffusion.posteriorVariance(t))
        return p - q
      }
    }
    add { negativeLogDensity(Double(unsafe x.elements[$0]), 1) }

    let (a, b) = (Self.moments(sums), Self.moments(definition))
    let standardError = (a.squaredError + b.squaredError).squareRoot()
    #expect(standardError < 0.01 * a.mean)
    #expect(abs(a.mean - b.mean) < 5 * standardError, "\(a.mean) is not \(b.mean)")
  }

  /// L_T of the linear schedule at T = 1000 is about 1e-5 bits/dim for images, whatever they are: the
  /// squares of their pixels average to between 0.2 and 1.
  @Test func theEndOfTheChainIsNearlyNoise() {
    let tensors = Tensors(Shape(2, 16, 16, 1))
    let data = tensors.data
    for i in 0..<256 {
      unsafe data.elements[i] = Float(i) / 127.5 - 1
      unsafe data.elements[256 + i] = i < 128 ? -1 : 1
    }
    let prior = VariationalBound(SchedulerConfig()).prior(data)
    let bar = NoiseSchedule(SchedulerConfig()).alphaBar[1000]
    for n in 0..<2 {
      let expected =
        unsafe data.images(n..<n + 1).elements.reduce(0.0) { sum, x in
          // Theorem I.3 element by element.
          sum + 0.5 * (-log(1 - bar) + 1 - bar + bar * Double(x) * Double(x) - 1)
        } / 256 / log(2)
      #expect(abs(prior[n] - expected) < 1e-6 * expected + 1e-16)
    }
    #expect(abs(prior[0] - 0.98e-5) < 0.01e-5)
    #expect(abs(prior[1] - 2.91e-5) < 0.01e-5)
  }

  /// The mean of samples is what it should be within five of their own standard errors.
  private func expect(
    _ samples: [Double], average expected: Double, location: SourceLocation = #_sourceLocation
  ) {
    let (mean, squaredError) = Self.moments(samples)
    let standardError = squaredError.squareRoot()
    #expect(standardError > 0 && standardError < 0.1 * abs(expected), sourceLocation: location)
    #expect(
      abs(mean - expected) < 5 * standardError, "\(mean) is not \(expected)",
      sourceLocation: location)
  }

  /// The mean of samples and the square of its standard error.
  private static func moments(_ samples: [Double]) -> (mean: Double, squaredError: Double) {
    let count = Double(samples.count)
    let mean = samples.reduce(0, +) / count
    let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    return (mean, variance / count)
  }
}

/// Images with their noise, xₜ and what a network says of them.
private struct Tensors {
  let data, noise, x, output: Tensor
  private let memory: FloatBuffer
  /// The variance output of a learned variance, the same everywhere.
  private let variance: Float?

  init(_ shape: Shape, variance: Float? = nil) {
    let memory = FloatBuffer(count: 5 * shape.count)
    self.memory = memory
    data = memory.tensor(at: 0, shape)
    noise = memory.tensor(at: shape.count, shape)
    x = memory.tensor(at: 2 * shape.count, shape)
    let outputs = variance == nil ? shape.c : 2 * shape.c
    output = memory.tensor(at: 3 * shape.count, Shape(shape.n, shape.h, shape.w, outputs))
    self.variance = variance
  }

  /// Draws x₀ from N(0, deviation²).
  func fillData(deviation: Double) {
    Philox(seed: 5, stream: 100).fillNormal(data, step: 0, image: 0)
    scale(data, by: Float(deviation))
  }

  /// The terms of all images at t, with the noise of t.
  func terms(
    _ bound: VariationalBound, _ schedule: NoiseSchedule, _ denoiser: any Denoiser, t: Int
  ) -> [VariationalBound.Term] {
    Philox(seed: 5, stream: 101).fillNormal(noise, step: UInt32(t), image: 0)
    GaussianDiffusion(schedule).diffuse(data, t: t, noise: noise, into: x)
    let prediction = variance == nil ? output : noise
    denoiser.predict(
      x, timesteps: Array(repeating: t - 1, count: x.shape.n), labels: nil, into: prediction)
    if let variance {
      let c = x.shape.c
      fill(output, with: variance)
      let columns = output.matrix.block(rows: 0..<output.shape.rows, columns: 0..<c)
      copy(prediction.matrix, into: columns)
    }
    return bound.terms(output, data: data, x: x, t: t)
  }
}
