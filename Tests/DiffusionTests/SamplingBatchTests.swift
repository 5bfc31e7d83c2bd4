import Diffusion
import ModelConfig
import TensorCore
import Testing

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
    let learned = config.varianceType == .learnedRange
    let denoiser = NormalDataDenoiser(
      schedule: NoiseSchedule(config), mean: mean, deviation: deviation,
      type: config.predictionType, variance: learned ? 0.25 : nil)
    func batch(_ range: Range<Int>) -> SamplingBatch {
      SamplingBatch(
        images: range, imageShape: Shape(1, 8, 8, 1), sampler: sampler, seed: 11,
        denoisers: Array(repeating: denoiser, count: threads), pool: pool,
        outputChannels: learned ? 2 : 1)
    }
    var result: [Float] = []
    for start in stride(from: 0, to: images, by: batchSize) {
      let range = start..<min(start + batchSize, images)
      var chain = batch(range)
      while !chain.isFinished {
        if chain.position == stop {
          let resumed = batch(range)
          for (state, stored) in zip([resumed.x] + resumed.carried, [chain.x] + chain.carried) {
            copy(stored, into: state)
          }
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
  /// from two recursions in Double over the timesteps visited, and lie near the data's.
  @Test(arguments: VarianceType.allCases, [nil, 50])
  func ancestralSamplesFollowTheData(variance: VarianceType, steps: Int?) {
    var config = Self.config
    config.varianceType = variance
    config.timestepSpacing = .linspace
    let sampler = AncestralSampler(config, steps: steps)
    let schedule = NoiseSchedule(config)
    var (mean, spread) = (0.0, 1.0)
    let ends = sampler.timesteps.map { $0 + 1 } + [0]
    for (t, next) in zip(ends, ends.dropFirst()) {
      let (alphaBar, nextAlphaBar) = (schedule.alphaBar[t], schedule.alphaBar[next])
      let beta = 1 - alphaBar / nextAlphaBar
      let slope = (1 - alphaBar).squareRoot() / (alphaBar * 0.25 + 1 - alphaBar)
      let factor = (1 - beta / (1 - alphaBar).squareRoot() * slope) / (1 - beta).squareRoot()
      let shift =
        beta / (1 - alphaBar).squareRoot() * slope * alphaBar.squareRoot() * Self.mean
        / (1 - beta).squareRoot()
      mean = factor * mean + shift
      let small = beta * (1 - nextAlphaBar) / (1 - alphaBar)
      let added =
        switch variance {
        case .fixedSmall: small
        case .fixedLarge: beta
        // 0.25 lies at 5/8 of the way from ln β̃ to ln β.
        case .learnedRange: power(small, 0.375) * power(beta, 0.625)
        }
      spread = factor * factor * spread + (next > 0 ? added : 0)
    }
    let values = Self.draw(
      images: 64, batchSize: 64, threads: 2, config: config, sampler: sampler)
    let memory = FloatBuffer(count: values.count)
    for (i, value) in values.enumerated() { unsafe memory.all.elements[i] = value }
    let moments = meanAndVariance(memory.all)
    // 4096 numbers: five standard errors.
    #expect(abs(moments.mean - mean) < 5 * (spread / 4096).squareRoot())
    #expect(abs(moments.variance - spread) < 5 * spread * (2.0 / 4096).squareRoot())
    #expect(abs(mean - Self.mean) < 0.02 && abs(spread - 0.25) < (steps == nil ? 0.02 : 0.06))
  }

  /// The largest distance of a sampler's images from where the probability-flow ODE leads: it carries
  /// N(√ᾱ_T m, ᾱ_T s² + 1 − ᾱ_T) onto the data's N(m, s²) by the affine map between them.
  static func distanceFromFlow(_ config: SchedulerConfig, _ sampler: any Sampler) -> Double {
    let start = FloatBuffer(count: 64)
    Philox(seed: 11, stream: RandomStream.initialNoise.rawValue)
      .fillNormal(start.tensor(at: 0, Shape(1, 8, 8, 1)), step: 0, image: 0)
    let values = draw(images: 1, batchSize: 1, threads: 1, config: config, sampler: sampler)
    let alphaBar = NoiseSchedule(config).alphaBar[(sampler.timesteps.first ?? 0) + 1]
    let width = (alphaBar * 0.25 + 1 - alphaBar).squareRoot()
    return (0..<64).reduce(0) { largest, i in
      let noise = Double(unsafe start.all.elements[i])
      let expected = mean + 0.5 * (noise - alphaBar.squareRoot() * mean) / width
      let distance = abs(Double(values[i]) - expected)
      return distance <= largest ? largest : distance
    }
  }

  /// All deterministic samplers end where the flow leads, whatever the network predicts; the second
  /// order comes nearer than the first with as many calls of the network.
  @Test(arguments: PredictionType.allCases, [false, true])
  func deterministicSamplersFollowTheFlow(type: PredictionType, rescaled: Bool) {
    if rescaled && type == .epsilon { return }
    var config = Self.config
    config.predictionType = type
    config.rescaleBetasZeroSNR = rescaled
    config.timestepSpacing = .trailing
    let distance = { Self.distanceFromFlow(config, $0) }
    #expect(distance(DDIMSampler(config, steps: 200, eta: 0)) < 0.02)
    let first = distance(DPMSolverSampler(config, steps: 20, order: 1))
    #expect(first < 0.2)
    for solver in DPMSolverType.allCases {
      #expect(distance(DPMSolverSampler(config, steps: 20, solver: solver)) < first / 2)
    }
    #expect(distance(HeunSampler(config, steps: 10)) < first)
    #expect(distance(HeunSampler(config, steps: 20)) < first / 2)
    #expect(distance(HeunSampler(config, steps: 40)) < 0.02)
  }

  /// In a chain that forgets everything far before its end all samplers go on with finite numbers.
  @Test(arguments: ChainSampler.allCases)
  func endlessNoiseStaysFinite(kind: ChainSampler) {
    var config = SchedulerConfig()
    config.numTrainTimesteps = 3000
    config.betaEnd = 0.9
    for clips in [false, true] {
      config.clipSample = clips
      let values = Self.draw(
        images: 1, batchSize: 1, threads: 1, config: config,
        sampler: kind.sampler(config, steps: 30))
      #expect(!values.contains { !$0.isFinite })
    }
  }

  @Test(arguments: ChainSampler.allCases)
  func imagesDependOnNeitherBatchNorThreadsNorInterruptions(kind: ChainSampler) {
    var config = Self.config
    if kind == .learned { config.varianceType = .learnedRange }
    let sampler = kind.sampler(config, steps: 10)
    let expected = Self.draw(
      images: 7, batchSize: 7, threads: 1, config: config, sampler: sampler)
    for (batchSize, threads, stop) in [(1, 1, nil), (3, 2, 4), (5, 3, 9), (7, 2, 0), (4, 1, 5)] {
      let values = Self.draw(
        images: 7, batchSize: batchSize, threads: threads, config: config, sampler: sampler,
        interruptedAt: stop)
      #expect(values == expected)
    }
  }

  /// Each image's class reaches the network with it.
  @Test func labelsGoWithTheirImages() {
    struct Labelled: Denoiser {
      func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
        for (n, label) in (labels ?? []).enumerated() {
          fill(output.images(n..<n + 1), with: Float(label))
        }
      }
    }
    var config = SchedulerConfig()
    config.predictionType = .sample
    config.clipSample = false
    let batch = SamplingBatch(
      images: 20..<25, imageShape: Shape(1, 2, 2, 1),
      sampler: DDIMSampler(config, steps: 2, eta: 0),
      seed: 1, denoisers: [Labelled(), Labelled()], pool: ThreadPool(threads: 2),
      labels: [3, 1, 4, 1, 5])
    while !batch.isFinished { batch.advance() }
    for (n, label) in [3, 1, 4, 1, 5].enumerated() {
      let image = unsafe Array(batch.x.images(n..<n + 1).elements)
      #expect(image == Array(repeating: Float(label), count: 4))
    }
  }
}

/// Every sampler there is.
enum ChainSampler: CaseIterable {
  case full, respaced, learned, ddim, noisyDDIM, firstOrder, midpoint, heunSolver, heun

  func sampler(_ config: SchedulerConfig, steps: Int) -> any Sampler {
    switch self {
    case .full: AncestralSampler(config)
    case .respaced, .learned: AncestralSampler(config, steps: steps)
    case .ddim: DDIMSampler(config, steps: steps, eta: 0)
    case .noisyDDIM: DDIMSampler(config, steps: steps, eta: 1)
    case .firstOrder: DPMSolverSampler(config, steps: steps, order: 1)
    case .midpoint: DPMSolverSampler(config, steps: steps)
    case .heunSolver: DPMSolverSampler(config, steps: steps, solver: .heun)
    case .heun: HeunSampler(config, steps: steps)
    }
  }
}
