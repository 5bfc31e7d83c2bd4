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
  @Test(arguments: VarianceType.allCases)
  func agreesWithTheClosedFormOfNormalData(variance: VarianceType) {
    var config = Self.config
    config.varianceType = variance
    let bound = VariationalBound(config)
    let schedule = NoiseSchedule(config)
    let diffusion = GaussianDiffusion(schedule)
    let denoiser = NormalDataDenoiser(schedule: schedule, mean: 0, deviation: Self.deviation)
    let images = 64
    let shape = Shape(images, 8, 8, 1)
    let memory = FloatBuffer(count: 4 * shape.count)
    let tensors = (0..<4).map { memory.tensor(at: $0 * shape.count, shape) }
    let (data, noise, x, output) = (tensors[0], tensors[1], tensors[2], tensors[3])
    Philox(seed: 5, stream: 100).fillNormal(data, step: 0, image: 0)
    scale(data, by: Float(Self.deviation))

    let power = Self.deviation * Self.deviation
    for t in 2...50 {
      Philox(seed: 5, stream: 101).fillNormal(noise, step: UInt32(t), image: 0)
      diffusion.diffuse(data, t: t, noise: noise, into: x)
      denoiser.predict(
        x, timesteps: Array(repeating: t - 1, count: images), labels: nil, into: output)
      let terms = bound.terms(output, data: data, x: x, t: t)

      let (beta, alphaBar, before) = (
        schedule.beta[t], schedule.alphaBar[t], schedule.alphaBar[t - 1]
      )
      let error = power * (1 - alphaBar) / (alphaBar * power + 1 - alphaBar)
      let truth = beta * (1 - before) / (1 - alphaBar)
      let sigma = variance == .fixedLarge ? beta : truth
      let factor = before * beta * beta / ((1 - alphaBar) * (1 - alphaBar))
      let nats = 0.5 * (log(sigma / truth) + (truth + factor * error) / sigma - 1)
      expect(terms.map(\.bits), average: nats / log(2))
      expect(terms.map(\.dataError), average: error)
    }
  }

  /// The mean of samples is what it should be within five of their own standard errors.
  private func expect(
    _ samples: [Double], average expected: Double, location: SourceLocation = #_sourceLocation
  ) {
    let count = Double(samples.count)
    let mean = samples.reduce(0, +) / count
    let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    let standardError = (variance / count).squareRoot()
    #expect(standardError > 0 && standardError < 0.1 * abs(expected), sourceLocation: location)
    #expect(
      abs(mean - expected) < 5 * standardError, "\(mean) is not \(expected)",
      sourceLocation: location)
  }
}
