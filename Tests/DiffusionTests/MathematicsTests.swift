import Diffusion
import Glibc
import ModelConfig
import TensorCore
import Testing

/// The equations that say how the parts of the model hang together; those of single parts are
/// tested beside them.
struct MathematicsTests {
  private let diffusion = GaussianDiffusion(NoiseSchedule(betas: [0.1, 0.05, 0.2, 0.3, 0.02]))

  /// (6)–(7): two steps (5) with independent noise, by Monte Carlo, are one step with the variance
  /// 1 − αₜαₜ₋₁, which is not βₜβₜ₋₁.
  @Test(arguments: 2...5)
  func twoStepsHaveTheVarianceOfTheirSum(t: Int) {
    let count = 1 << 16
    let memory = FloatBuffer(count: 2 * count)
    let x = memory.tensor(at: 0, Shape(1, 1, 1, count))
    let noise = memory.tensor(at: count, Shape(1, 1, 1, count))
    fill(x, with: 0.5)
    for step in [t - 1, t] {
      Philox(seed: 9, stream: 104).fillNormal(noise, step: UInt32(step), image: 0)
      diffusion.diffuseOnce(x, t: step, noise: noise, into: x)
    }
    let moments = meanAndVariance(x)
    let (signal, variance) = diffusion.transition(from: t - 2, to: t)
    let standardError = (variance / Double(count)).squareRoot()
    #expect(abs(moments.mean - 0.5 * signal) < 5 * standardError)
    #expect(abs(moments.variance - variance) < 5 * variance * (2 / Double(count)).squareRoot())

    // `diffuse` from s to t does the same with one draw.
    fill(x, with: 0.5)
    diffusion.diffuse(x, from: t - 2, to: t, noise: noise, into: x)
    let inOneGo = meanAndVariance(x)
    #expect(abs(inOneGo.mean - 0.5 * signal) < 5 * standardError)
    #expect(abs(inOneGo.variance - variance) < 5 * variance * (2 / Double(count)).squareRoot())
  }

  /// (3) and the step from (13) to (14): the density of a chain is the product of (4) forward, and
  /// just as well (9) at T times the posteriors (15) back; at any path whatever.
  @Test(arguments: [[0.3, -0.1, 0.7, 1.2, -2, 0.4], [-1, 1, 0.2, 0, 0.9, 0.5]])
  func theChainsDensityTelescopes(path: [Double]) {
    func logDensity(_ x: Double, _ normal: Normal) -> Double {
      let difference = x - normal.mean
      return -0.5
        * (log(2 * .pi * normal.variance) + difference * difference / normal.variance)
    }
    func forward(from s: Int, to t: Int) -> Double {
      let (signal, variance) = diffusion.transition(from: s, to: t)
      return logDensity(path[t], Normal(mean: signal * path[s], variance: variance))
    }
    func back(_ t: Int) -> Double {
      let factors = diffusion.posteriorMeanFactors(t)
      return logDensity(
        path[t - 1],
        Normal(
          mean: factors.x * path[t] + factors.data * path[0],
          variance: diffusion.posteriorVariance(t)))
    }
    let steps = (1...5).reduce(0) { $0 + forward(from: $1 - 1, to: $1) }
    let telescoped = (2...5).reduce(forward(from: 0, to: 5)) { $0 + back($1) }
    #expect(abs(steps - telescoped) < 1e-12)
  }

  /// (18): of theorem I.3 between (16) and p_θ with the mean (17), what depends on ε_θ.
  @Test(arguments: 2...5)
  func theWeightOfANoiseError(t: Int) {
    let (x, epsilon, guess) = (0.4, -1.1, -0.6)
    let (beta, alpha) = (diffusion.schedule.beta[t], diffusion.schedule.alpha[t])
    func mean(_ epsilon: Double) -> Double {
      (x - beta / diffusion.noiseScale(t) * epsilon) / alpha.squareRoot()
    }
    for variance in [beta, diffusion.posteriorVariance(t)] {
      let truth = Normal(mean: mean(epsilon), variance: diffusion.posteriorVariance(t))
      let least = truth.divergence(from: Normal(mean: truth.mean, variance: variance))
      let value = truth.divergence(from: Normal(mean: mean(guess), variance: variance))
      let weight = diffusion.noiseErrorWeight(t, variance: variance)
      #expect(abs(value - least - weight * 0.25) < 1e-12)
    }
  }
}
