public import ModelConfig
public import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// What training minimises, and its gradient by the network's output.
///
/// A loss is a mean over the elements of an image, then over the images of a batch. A batch may be
/// evaluated in parts, which simply add up.
public struct TrainingLoss: Sendable {
  /// How an image's loss at t is made of the network's error; y is what the network should have
  /// said at xₜ (`Parameterization.target`), o what it said.
  public enum Kind: Equatable, Sendable {
    /// L_simple: (o − y)² (Ho et al. 2020, equation 14).
    case simple
    /// Min-SNR-γ (Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy"):
    /// (o − y)² weighted so that the error of x̂₀ has the weight min(SNR, γ), SNR = ᾱₜ/(1−ᾱₜ).
    case minSNR(gamma: Double)
    /// L_vlb: T Lₜ₋₁ in bits, whose expectation over uniform t is the bound (14) without L_T.
    case variationalBound
    /// L_hybrid = L_simple + `weight` · L_vlb (Nichol & Dhariwal 2021, equation 16), for a learned
    /// variance: of L_vlb the gradient reaches the variance only.
    case hybrid(weight: Double)
  }

  /// The images of a pass.
  public struct Images {
    /// N×H×W×C: x₀.
    public let data: Tensor
    /// N×H×W×C: y.
    public let target: Tensor
    /// N values 1…T.
    public let t: [Int]
    /// What the images' losses are multiplied with: 1/(T pₜ). Nil if t is always drawn uniformly.
    public let weights: [Double]?

    /// - data: N×H×W×C, x₀.
    /// - target: N×H×W×C, what the network should say.
    /// - t: N values 1…T.
    /// - weights: N factors of the images' losses; nil for 1.
    public init(data: Tensor, target: Tensor, t: [Int], weights: [Double]? = nil) {
      self.data = data
      self.target = target
      self.t = t
      self.weights = weights
    }
  }

  private let kind: Kind
  private let prediction: PredictionType
  private let diffusion: GaussianDiffusion
  /// Step t at index t − 1.
  private let steps: [ReverseStep]
  private let batch: Int

  /// - batch: images of the whole batch.
  public init(_ kind: Kind, _ scheduler: SchedulerConfig, batch: Int) {
    precondition(batch > 0, "a batch is not empty")
    self.kind = kind
    self.batch = batch
    prediction = scheduler.predictionType
    let diffusion = GaussianDiffusion(NoiseSchedule(scheduler))
    self.diffusion = diffusion
    steps = (1...diffusion.schedule.steps).map {
      ReverseStep(diffusion, variance: scheduler.varianceType, t: $0)
    }
  }

  /// The pass's share of the batch's loss, and every image's own loss, unweighted. The latter are
  /// left out where nobody asks for weights.
  ///
  /// - output: N×H×W×C_out, the network's raw output.
  /// - gradient: N×H×W×C_out, receives the gradient of the share.
  public func evaluate(
    _ output: Tensor, _ images: Images, gradient: Tensor
  ) -> (share: Double, images: [Double]) {
    if kind == .simple, images.weights == nil {
      let loss = SimpleLoss(elements: batch * images.data.count / images.data.shape.n)
      loss.gradient(prediction: output, noise: images.target, into: gradient)
      return (loss.value(prediction: output, noise: images.target), [])
    }
    var share = 0.0
    let losses = images.t.indices.map { n in
      let factor = (images.weights?[n] ?? 1) / Double(batch)
      func image(_ x: Tensor) -> Tensor { x.images(n..<n + 1) }
      let loss = evaluate(
        image(output), data: image(images.data), target: image(images.target), t: images.t[n],
        factor: factor, gradient: image(gradient))
      share += factor * loss
      return loss
    }
    return (share, losses)
  }

  /// One image's loss; its gradient is multiplied with `factor`.
  private func evaluate(
    _ output: Tensor, data: Tensor, target: Tensor, t: Int, factor: Double, gradient: Tensor
  ) -> Double {
    switch kind {
    case .simple:
      squares(output, target, weight: 1, factor: factor, gradient: gradient)
    case .minSNR(let gamma):
      squares(
        output, target, weight: minSNRWeight(t, gamma: gamma), factor: factor, gradient: gradient)
    case .variationalBound:
      elements(
        output, data: data, target: target, t: t, simple: false, bound: 1, factor: factor,
        gradient: gradient)
    case .hybrid(let weight):
      elements(
        output, data: data, target: target, t: t, simple: true, bound: weight, factor: factor,
        gradient: gradient)
    }
  }

  /// The weight of (o − y)² in min-SNR-γ: min(SNR, γ) over that of the squared error of x̂₀ in it.
  func minSNRWeight(_ t: Int, gamma: Double) -> Double {
    let alphaBar = diffusion.schedule.alphaBar[t]
    let ratio = alphaBar / (1 - alphaBar)
    return switch prediction {
    case .epsilon: min(1, gamma / ratio)
    case .sample: min(ratio, gamma)
    case .velocity: min(ratio, gamma) / (ratio + 1)
    }
  }

  /// weight · mean (o − y)².
  private func squares(
    _ output: Tensor, _ target: Tensor, weight: Double, factor: Double, gradient: Tensor
  ) -> Double {
    let scale = weight / Double(target.count)
    let slope = Float(2 * scale * factor)
    combine(slope, output, -slope, target, into: gradient)
    return scale * sumOfSquaredDifferences(output, target)
  }

  /// bound · T Lₜ₋₁ in bits a dimension, plus, if it is to be `simple`, the mean of (o − y)²; the
  /// prediction then follows the latter alone.
  private func elements(
    _ output: Tensor, data: Tensor, target: Tensor, t: Int, simple: Bool, bound: Double,
    factor: Double, gradient: Tensor
  ) -> Double {
    let step = steps[t - 1]
    let channels = data.shape.c
    let outputs = output.shape.c
    let scale = factor / Double(data.count)
    let bound = bound * Double(steps.count) / log(2)
    let slope = Parameterization(diffusion, prediction).dataSlope(t)
    let (out, y, x0, gradient) = unsafe (
      output.elements, target.elements, data.elements, gradient.elements
    )
    var sum = 0.0
    for i in 0..<data.count {
      let mean = i / channels * outputs + i % channels
      let error = Double(unsafe out[mean]) - Double(unsafe y[i])
      let truth = Double(unsafe x0[i])
      // x̂₀ is linear in the output, and is x₀ where the output is y.
      let estimate = truth + slope * error
      let variance = outputs > channels ? Double(unsafe out[mean + channels]) : 0
      let term = step.term(
        data: truth, estimate: estimate, logVariance: step.logVariance(variance))
      sum += (simple ? error * error : 0) + bound * term.nats
      unsafe gradient[mean] = Float(
        scale * (simple ? 2 * error : bound * slope * term.byEstimate))
      if outputs > channels {
        unsafe gradient[mean + channels] = Float(
          scale * bound * step.logVarianceSlope * term.byLogVariance)
      }
    }
    return sum / Double(data.count)
  }
}
