public import ModelConfig
public import TensorCore

#if canImport(Glibc)
  import Glibc
#endif

/// The variational bound on −log p_θ(x₀), equations (13)–(14): L = L_T + Σₜ₌₂ᵀ Lₜ₋₁ + L₀, term by
/// term and image by image, in bits per dimension: nats/(D ln 2), D = H·W·C.
///
/// A term is given the network's output at one xₜ ~ q(xₜ|x₀), so that it is a sample of the
/// expectation over q. Terms are computed in Double from x̂₀ in Float.
///
/// The reverse chain is that of the scheduler's config: its prediction type, its variance
/// (`fixed_large` has β̃₂ at t = 1, as Ho et al. do) and, with `clip_sample` or `thresholding`, x̂₀
/// limited as in sampling.
public struct VariationalBound: Sendable {
  /// What one step t of the chain contributes for one image.
  public struct Term: Equatable, Sendable {
    /// Lₜ₋₁ for t ≥ 2, L₀ for t = 1; bits per dimension.
    public var bits: Double
    /// (x₀ − x̂₀)², the mean over the image's elements, on the scale of [−1, 1].
    public var dataError: Double
  }

  let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let limit: DataLimit
  /// Whether outputs have a variance beside each prediction.
  private let hasVariance: Bool
  /// Step t at index t − 1.
  private let steps: [ReverseStep]

  /// The bound for the chain that `scheduler` describes.
  public init(_ scheduler: SchedulerConfig) {
    let diffusion = GaussianDiffusion(NoiseSchedule(scheduler))
    self.diffusion = diffusion
    parameterization = Parameterization(diffusion, scheduler.predictionType)
    limit = DataLimit(scheduler)
    hasVariance = scheduler.varianceType == .learnedRange
    steps = (1...diffusion.schedule.steps).map {
      ReverseStep(diffusion, variance: scheduler.varianceType, t: $0)
    }
  }

  /// L_T of each image (I.4.4), bits per dimension: KL(q(x_T|x₀) ‖ N(0, I)), which no network
  /// changes.
  ///
  /// - data: N×H×W×C, x₀ in [−1, 1].
  public func prior(_ data: Tensor) -> [Double] {
    let last = diffusion.schedule.steps
    let signal = diffusion.signalScale(last)
    let variance = 1 - diffusion.schedule.alphaBar[last]
    // Averaged over the elements, the means enter by their squares only.
    return (0..<data.shape.n).map { n in
      let image = data.images(n..<n + 1)
      let meanSquare = sumOfSquares(image) / Double(image.count)
      return Normal(mean: signal * meanSquare.squareRoot(), variance: variance)
        .divergence(from: Normal(mean: 0, variance: 1)) / log(2)
    }
  }

  /// Lₜ₋₁ (t ≥ 2) or L₀ (t = 1) of each image.
  ///
  /// - output: N×H×W×C_out, the network's raw output at `x`; C_out is 2C with a learned variance.
  /// - data: N×H×W×C, x₀ in [−1, 1].
  /// - x: N×H×W×C, xₜ of each image; overwritten with x̂₀.
  public func terms(_ output: Tensor, data: Tensor, x: Tensor, t: Int) -> [Term] {
    precondition(data.shape == x.shape, "x₀ and xₜ differ in shape")
    precondition(
      output.shape.c == (hasVariance ? 2 : 1) * x.shape.c, "the output does not fit the variance")
    let step = steps[t - 1]
    let estimate = x
    parameterization.data(output, x: x, t: t, into: estimate)
    limit.apply(to: estimate)
    return (0..<x.shape.n).map { n in
      func image(_ tensor: Tensor) -> Tensor { tensor.images(n..<n + 1) }
      let (data, estimate) = (image(data), image(estimate))
      let count = Double(data.count)
      let dataError = sumOfSquaredDifferences(data, estimate) / count
      let nats =
        if step.isLast || hasVariance {
          sum(step, image(output), data: data, estimate: estimate) / count
        } else {
          // As in L_T, only the mean square of the means' difference counts.
          step.term(
            data: 0, estimate: dataError.squareRoot(), logVariance: step.logVariances.small
          ).nats
        }
      return Term(bits: nats / log(2), dataError: dataError)
    }
  }

  /// The nats of one image's elements, each with its own variance where there is one.
  private func sum(
    _ step: ReverseStep, _ output: Tensor, data: Tensor, estimate: Tensor
  ) -> Double {
    let channels = data.shape.c
    let (out, truth, guess) = unsafe (output.elements, data.elements, estimate.elements)
    return (0..<data.count).reduce(0) { sum, i in
      let variance =
        hasVariance ? Double(unsafe out[(i / channels * 2 + 1) * channels + i % channels]) : 0
      return sum
        + step.term(
          data: Double(unsafe truth[i]), estimate: Double(unsafe guess[i]),
          logVariance: step.logVariance(variance)
        ).nats
    }
  }
}
