public import ModelConfig

#if canImport(Glibc)
  import Glibc
#endif

/// The noise schedule of a chain of T steps: βₜ, αₜ = 1 − βₜ and ᾱₜ = ∏ᵢ₌₁ᵗ αᵢ, in Double.
///
/// Every table has T + 1 entries and is indexed by t as in Ho et al. (2020): t = 1…T are the steps
/// of the chain, t = 0 is the data, with β₀ = 0 and α₀ = ᾱ₀ = 1. A network is told t − 1
/// (diffusers' numbering). Every ᾱₜ is positive, so that it may stand below a fraction; only a chain
/// with zero terminal SNR has β_T = 1 and α_T = ᾱ_T = 0.
public struct NoiseSchedule: Equatable, Sendable {
  /// βₜ, the variance that step t adds.
  public let beta: [Double]
  /// αₜ = 1 − βₜ.
  public let alpha: [Double]
  /// ᾱₜ, the share of the data's variance that is left after t steps.
  public private(set) var alphaBar: [Double]

  /// T, the length of the chain.
  public var steps: Int { beta.count - 1 }

  /// The schedule of diffusers' `DDPMScheduler` with this config.
  public init(_ config: SchedulerConfig) {
    self.init(betas: Self.betas(config))
  }

  /// A schedule with the given β₁…β_T, each in (0, 1); β_T may be 1.
  ///
  /// The ᾱ of a very long chain stop at the least normal number rather than become 0.
  public init(betas: [Double]) {
    precondition(!betas.isEmpty, "a chain has at least one step")
    precondition(betas.dropLast().allSatisfy { $0 > 0 && $0 < 1 }, "every β lies in (0, 1)")
    precondition(betas.suffix(1).allSatisfy { $0 > 0 && $0 <= 1 }, "β_T lies in (0, 1]")
    beta = [0] + betas
    alpha = beta.map { 1 - $0 }
    var product = 1.0
    alphaBar = alpha.map { factor in
      product = factor == 0 ? 0 : max(product * factor, .leastNormalMagnitude)
      return product
    }
  }

  /// The schedule of the shorter chain that visits these timesteps t − 1 only, in falling order: the
  /// chain itself if these are all, else with the same ᾱ there, as far as 1 − β is a number.
  func respaced(to timesteps: [Int]) -> NoiseSchedule {
    guard timesteps.count < steps else { return self }
    var previous = 1.0
    return NoiseSchedule(
      betas: timesteps.reversed().map { timestep in
        let next = alphaBar[timestep + 1]
        defer { previous = next }
        return next == 0 ? 1 : min(max(1 - next / previous, .ulpOfOne), 1 - .ulpOfOne)
      })
  }

  /// The schedule with 2⁻²⁴ in place of ᾱ_T = 0, whatever the ᾱ before.
  func withPositiveTerminal() -> NoiseSchedule {
    var schedule = self
    if alphaBar[steps] == 0 { schedule.alphaBar[steps] = 0x1p-24 }
    return schedule
  }

  /// β₁…β_T as diffusers has them, in Double where it has float32.
  private static func betas(_ config: SchedulerConfig) -> [Double] {
    let betas = config.trainedBetas ?? formulaBetas(config)
    return config.rescaleBetasZeroSNR ? rescaledToZeroSNR(betas) : betas
  }

  /// Lin et al. (2024), "Common Diffusion Noise Schedules and Sample Steps are Flawed", Algorithm 1:
  /// √ᾱ is shifted and scaled so that √ᾱ_T is 0 and √ᾱ₁ stays.
  private static func rescaledToZeroSNR(_ betas: [Double]) -> [Double] {
    let signals = NoiseSchedule(betas: betas).alphaBar.dropFirst().map { $0.squareRoot() }
    guard let first = signals.first, let last = signals.last, let before = signals.dropLast().last,
      before > last
    else {
      // Nothing is left of the data before the end already.
      return betas.dropLast() + [1]
    }
    let rescaled = signals.map { ($0 - last) * first / (first - last) }
    return zip([1] + rescaled, rescaled).map { before, after in
      let ratio = after / before
      return 1 - ratio * ratio
    }
  }

  private static func formulaBetas(_ config: SchedulerConfig) -> [Double] {
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
