public import ModelConfig

#if canImport(Glibc)
  import Glibc
#endif

/// The noise schedule of a chain of T steps: βₜ, αₜ = 1 − βₜ and ᾱₜ = ∏ᵢ₌₁ᵗ αᵢ, in Double.
///
/// Every table has T + 1 entries and is indexed by t as in Ho et al. (2020): t = 1…T are the steps
/// of the chain, t = 0 is the data, with β₀ = 0 and α₀ = ᾱ₀ = 1. A network is told t − 1
/// (diffusers' numbering).
public struct NoiseSchedule: Equatable, Sendable {
  /// βₜ, the variance that step t adds.
  public let beta: [Double]
  /// αₜ = 1 − βₜ.
  public let alpha: [Double]
  /// ᾱₜ, the share of the data's variance that is left after t steps.
  public let alphaBar: [Double]

  /// T, the length of the chain.
  public var steps: Int { beta.count - 1 }

  /// The schedule of diffusers' `DDPMScheduler` with this config.
  public init(_ config: SchedulerConfig) {
    self.init(betas: Self.betas(config))
  }

  /// A schedule with the given β₁…β_T, each in (0, 1).
  public init(betas: [Double]) {
    precondition(!betas.isEmpty, "a chain has at least one step")
    precondition(betas.allSatisfy { $0 > 0 && $0 < 1 }, "every β lies in (0, 1)")
    beta = [0] + betas
    alpha = beta.map { 1 - $0 }
    var product = 1.0
    alphaBar = alpha.map { factor in
      product *= factor
      return product
    }
  }

  /// β₁…β_T with diffusers' formulas, in Double where diffusers has float32.
  private static func betas(_ config: SchedulerConfig) -> [Double] {
    let count = config.numTrainTimesteps
    let (start, end) = (config.betaStart, config.betaEnd)
    switch config.betaSchedule {
    case .linear:
      return ramp(from: start, to: end, count: count)
    case .scaledLinear:
      return ramp(from: start.squareRoot(), to: end.squareRoot(), count: count).map { $0 * $0 }
    case .squaredCosine:
      // Nichol & Dhariwal (2021), equation 17, with β capped at 0.999.
      func alphaBar(_ time: Double) -> Double {
        let cosine = cos((time + 0.008) / 1.008 * .pi / 2)
        return cosine * cosine
      }
      return (0..<count).map { i in
        let ratio = alphaBar(Double(i + 1) / Double(count)) / alphaBar(Double(i) / Double(count))
        return min(1 - ratio, 0.999)
      }
    case .sigmoid:
      return ramp(from: -6, to: 6, count: count).map { start + (end - start) / (1 + exp(-$0)) }
    }
  }

  /// `count` equally spaced values with both ends included.
  private static func ramp(from start: Double, to end: Double, count: Int) -> [Double] {
    guard count > 1 else { return [start] }
    return (0..<count).map { start + (end - start) * Double($0) / Double(count - 1) }
  }
}
