import Diffusion
import ModelConfig
import TensorCore
import Testing

/// The samplers against diffusers' schedulers, for given predictions and noise.
struct SamplerTests {
  /// The formulas of make_scheduler_goldens.py.
  static func prediction(_ position: Int, _ i: Int) -> Float {
    Float((7 * position + 3 * i) % 11) / 4 - 1.25
  }
  static func noise(_ position: Int, _ i: Int) -> Float {
    Float((5 * position + 2 * i) % 13) / 8 - 0.75
  }

  @Test(arguments: chainGoldens)
  func agreesWithDiffusers(golden: ChainGolden) throws {
    var config = SchedulerConfig()
    config.numTrainTimesteps = golden.steps
    config.varianceType = try #require(VarianceType(rawValue: golden.variance))
    config.clipSample = golden.clipping != nil
    config.clipSampleRange = golden.clipping ?? 1
    let sampler: any Sampler =
      if let ddim = golden.ddim {
        DDIMSampler(config, steps: ddim.steps, eta: ddim.eta)
      } else {
        AncestralSampler(config)
      }
    #expect(Array(sampler.timesteps.prefix(3)) == golden.timesteps)

    let memory = FloatBuffer(count: 8)
    let x = memory.tensor(at: 0, Shape(1, 2, 2, 1))
    let prediction = memory.tensor(at: 4, Shape(1, 2, 2, 1))
    for i in 0..<4 { unsafe x.elements[i] = Self.noise(12345, i) }
    for position in sampler.timesteps.indices {
      for i in 0..<4 { unsafe prediction.elements[i] = Self.prediction(position, i) }
      sampler.update(x, carried: [], at: position, prediction: prediction) { z in
        for i in 0..<4 { unsafe z.elements[i] = Self.noise(position, i) }
      }
      guard let expected = golden.states[position] else { continue }
      for i in 0..<4 {
        let scale = max(1, abs(expected[i]))
        #expect(abs(Double(unsafe x.elements[i]) - expected[i]) < 1e-5 * scale)
      }
    }
  }

  /// σₜ² as the scheduler says; at t = 1 no noise enters with either.
  @Test func variances() {
    var config = SchedulerConfig()
    let diffusion = GaussianDiffusion(NoiseSchedule(config))
    config.varianceType = .fixedLarge
    #expect(AncestralSampler(config).variance(7) == diffusion.schedule.beta[7])
    config.varianceType = .fixedSmall
    #expect(AncestralSampler(config).variance(7) == diffusion.posteriorVariance(7))
  }
}

/// Whole chains with the exact denoiser of normal data.
struct SamplingBatchTests {
  static let mean = 0.3
  static let deviation = 0.5

  /// Draws `images` of 8×8 in batches of `batchSize`, one after the other in memory.
  static func draw(
    images: Int, batchSize: Int, threads: Int, config: SchedulerConfig, sampler: any Sampler,
    interruptedAt stop: Int? = nil
  ) -> [Float] {
    let pool = ThreadPool(threads: threads)
    let denoiser = NormalDataDenoiser(
      schedule: NoiseSchedule(config), mean: mean, deviation: deviation)
    func batch(_ range: Range<Int>) -> SamplingBatch {
      SamplingBatch(
        images: range, imageShape: Shape(1, 8, 8, 1), sampler: sampler, seed: 11,
        denoisers: Array(repeating: denoiser, count: threads), pool: pool)
    }
    var result: [Float] = []
    for start in stride(from: 0, to: images, by: batchSize) {
      let range = start..<min(start + batchSize, images)
      var chain = batch(range)
      while !chain.isFinished {
        if chain.position == stop {
          let resumed = batch(range)
          unsafe _ = resumed.x.elements.update(fromContentsOf: chain.x.elements)
          resumed.resume(at: chain.position)
          chain = resumed
        }
        chain.advance()
      }
      unsafe result.append(contentsOf: chain.x.elements)
    }
    return result
  }

  static var config: SchedulerConfig {
    var config = SchedulerConfig()
    config.clipSample = false
    config.numTrainTimesteps = 200
    config.betaEnd = 0.1
    return config
  }

  /// The ancestral chain over the exact denoiser is linear in normals: its mean and variance follow
  /// from two recursions in Double, and lie near the data's.
  @Test(arguments: [VarianceType.fixedSmall, .fixedLarge])
  func ancestralSamplesFollowTheData(variance: VarianceType) {
    var config = Self.config
    config.varianceType = variance
    let schedule = NoiseSchedule(config)
    var (mean, spread) = (0.0, 1.0)
    for t in (1...200).reversed() {
      let (beta, alphaBar) = (schedule.beta[t], schedule.alphaBar[t])
      let slope = (1 - alphaBar).squareRoot() / (alphaBar * 0.25 + 1 - alphaBar)
      let factor = (1 - beta / (1 - alphaBar).squareRoot() * slope) / (1 - beta).squareRoot()
      let shift =
        beta / (1 - alphaBar).squareRoot() * slope * alphaBar.squareRoot() * Self.mean
        / (1 - beta).squareRoot()
      mean = factor * mean + shift
      let added =
        variance == .fixedLarge ? beta : beta * (1 - schedule.alphaBar[t - 1]) / (1 - alphaBar)
      spread = factor * factor * spread + (t > 1 ? added : 0)
    }
    let values = Self.draw(
      images: 64, batchSize: 64, threads: 2, config: config, sampler: AncestralSampler(config))
    let memory = FloatBuffer(count: values.count)
    for (i, value) in values.enumerated() { unsafe memory.all.elements[i] = value }
    let moments = meanAndVariance(memory.all)
    // 4096 numbers: five standard errors.
    #expect(abs(moments.mean - mean) < 5 * (spread / 4096).squareRoot())
    #expect(abs(moments.variance - spread) < 5 * spread * (2.0 / 4096).squareRoot())
    #expect(abs(mean - Self.mean) < 0.02 && abs(spread - 0.25) < 0.02)
  }

  /// DDIM at η = 0 follows the probability-flow ODE, which carries N(√ᾱ_T m, ᾱ_T s² + 1 − ᾱ_T)
  /// onto the data's N(m, s²) by the affine map between them.
  @Test func deterministicDDIMFollowsTheFlow() {
    let config = Self.config
    let start = FloatBuffer(count: 64)
    Philox(seed: 11, stream: RandomStream.initialNoise.rawValue)
      .fillNormal(start.tensor(at: 0, Shape(1, 8, 8, 1)), step: 0, image: 0)
    let values = Self.draw(
      images: 1, batchSize: 1, threads: 1, config: config,
      sampler: DDIMSampler(config, steps: 200, eta: 0))
    let alphaBar = NoiseSchedule(config).alphaBar[200]
    let width = (alphaBar * 0.25 + 1 - alphaBar).squareRoot()
    for i in 0..<64 {
      let noise = Double(unsafe start.all.elements[i])
      let expected = Self.mean + 0.5 * (noise - alphaBar.squareRoot() * Self.mean) / width
      #expect(abs(Double(values[i]) - expected) < 0.02)
    }
  }

  @Test(arguments: [0.0, 1.0])
  func imagesDependOnNeitherBatchNorThreadsNorInterruptions(eta: Double) {
    let config = Self.config
    let sampler = DDIMSampler(config, steps: 10, eta: eta)
    let expected = Self.draw(
      images: 7, batchSize: 7, threads: 1, config: config, sampler: sampler)
    for (batchSize, threads, stop) in [(1, 1, nil), (3, 2, 4), (5, 3, 9), (7, 2, 0)] {
      let values = Self.draw(
        images: 7, batchSize: batchSize, threads: threads, config: config, sampler: sampler,
        interruptedAt: stop)
      #expect(values == expected)
    }
  }
}
