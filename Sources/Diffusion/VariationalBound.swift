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
/// (`fixed_large` has β̃₂ at t = 1, as Ho et al. do) and, with `clip_sample`, x̂₀ clipped to
/// ±`clip_sample_range`.
public struct VariationalBound: Sendable {
  /// What one step t of the chain contributes for one image.
  public struct Term: Equatable, Sendable {
    /// Lₜ₋₁ for t ≥ 2, L₀ for t = 1; bits per dimension.
    public var bits: Double
    /// (x₀ − x̂₀)², the mean over the image's elements, on the scale of [−1, 1].
    public var dataError: Double
  }

  private let diffusion: GaussianDiffusion
  private let clipping: Float?
  /// Step t at index t − 1.
  private let steps: [ReverseStep]

  /// The bound for the chain that `scheduler` describes.
  public init(_ scheduler: SchedulerConfig) {
    let diffusion = GaussianDiffusion(NoiseSchedule(scheduler))
    self.diffusion = diffusion
    clipping = scheduler.clipSample ? Float(scheduler.clipSampleRange) : nil
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
  /// - output: N×H×W×C_out, the network's raw output at `x`.
  /// - data: N×H×W×C, x₀ in [−1, 1].
  /// - x: N×H×W×C, xₜ of each image; overwritten with x̂₀.
  public func terms(_ output: Tensor, data: Tensor, x: Tensor, t: Int) -> [Term] {
    precondition(data.shape == x.shape && output.shape == x.shape, "shapes differ")
    let estimate = x
    diffusion.predictData(x, t: t, noise: output, into: estimate)
    if let clipping { clamp(estimate, to: clipping) }
    return (0..<x.shape.n).map { n in
      term(steps[t - 1], data: data.images(n..<n + 1), estimate: estimate.images(n..<n + 1))
    }
  }

  /// The term of one image.
  private func term(_ step: ReverseStep, data: Tensor, estimate: Tensor) -> Term {
    let count = Double(data.count)
    let dataError = sumOfSquaredDifferences(data, estimate) / count
    let logVariance = step.logVariances.small
    let nats: Double
    if step.isLast {
      nats =
        data.elements.indices.reduce(0.0) { sum, i in
          let (x, guess) = unsafe (data.elements[i], estimate.elements[i])
          return sum
            + step.term(data: Double(x), estimate: Double(guess), logVariance: logVariance).nats
        } / count
    } else {
      // As in L_T, only the mean square of the means' difference counts.
      nats =
        step.term(data: 0, estimate: dataError.squareRoot(), logVariance: logVariance).nats
    }
    return Term(bits: nats / log(2), dataError: dataError)
  }
}
