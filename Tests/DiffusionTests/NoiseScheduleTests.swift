import Diffusion
import ModelConfig
import StrictJSON
import Testing

/// The tables against diffusers' and against their definitions.
struct NoiseScheduleTests {
  @Test(arguments: scheduleGoldens)
  func agreesWithDiffusers(golden: ScheduleGolden) throws {
    let config = try SchedulerConfig(json: JSONValue(parsing: golden.config))
    let schedule = NoiseSchedule(config)
    #expect(schedule.steps == golden.t.last)
    for (index, t) in golden.t.enumerated() {
      // Float32 rounding of diffusers' tables is all that may differ; where 1 − β is small, as at
      // the cosine schedule's end, ᾱ inherits it magnified.
      #expect(abs(schedule.beta[t] / golden.beta[index] - 1) < 1e-3)
      let alphaBar = golden.alphaBar[index]
      #expect(abs(schedule.alphaBar[t] - alphaBar) <= 1e-3 * alphaBar)
    }
  }

  @Test(arguments: BetaSchedule.allCases)
  func tablesAreConsistent(kind: BetaSchedule) {
    var config = SchedulerConfig()
    config.betaSchedule = kind
    config.numTrainTimesteps = 37
    let schedule = NoiseSchedule(config)
    #expect(schedule.steps == 37)
    #expect(schedule.beta[0] == 0 && schedule.alphaBar[0] == 1)
    for t in 1...37 {
      #expect(schedule.alpha[t] == 1 - schedule.beta[t])
      #expect(abs(schedule.alphaBar[t] - schedule.alphaBar[t - 1] * schedule.alpha[t]) < 1e-15)
      #expect(schedule.alphaBar[t] < schedule.alphaBar[t - 1])
    }
  }

  /// Only the last ᾱ is zero, the first stays, and √ᾱ is shifted and scaled in between.
  @Test(arguments: BetaSchedule.allCases, [2, 37, 1000])
  func rescalingReachesZeroSNR(kind: BetaSchedule, steps: Int) {
    var config = SchedulerConfig()
    config.betaSchedule = kind
    config.numTrainTimesteps = steps
    let before = NoiseSchedule(config).alphaBar
    config.rescaleBetasZeroSNR = true
    let after = NoiseSchedule(config)
    #expect(after.alphaBar[steps] == 0 && after.beta[steps] == 1)
    #expect(abs(after.alphaBar[1] - before[1]) < 1e-12)
    let scale =
      before[1].squareRoot() / (before[1].squareRoot() - before[steps].squareRoot())
    for t in 1...steps {
      let signal = (before[t].squareRoot() - before[steps].squareRoot()) * scale
      #expect(abs(after.alphaBar[t].squareRoot() - signal) < 1e-7)
      #expect(after.alphaBar[t] < after.alphaBar[t - 1])
    }
  }

  /// Chains in which nothing is left of the data long before their end.
  @Test(arguments: [true, false])
  func veryLongChainsHaveNoFractionOverZero(rescaled: Bool) {
    var config = SchedulerConfig()
    config.numTrainTimesteps = 100_000
    config.rescaleBetasZeroSNR = rescaled
    let schedule = NoiseSchedule(config)
    let diffusion = GaussianDiffusion(schedule)
    #expect((schedule.alphaBar[100_000] == 0) == rescaled)
    #expect(schedule.alphaBar[99_999] > 0)
    for t in stride(from: 1, through: 100_000, by: 9) {
      #expect(diffusion.posteriorVariance(t).isFinite)
      let factors = diffusion.posteriorMeanFactors(t)
      #expect(factors.x.isFinite && factors.data.isFinite)
    }
  }
}
