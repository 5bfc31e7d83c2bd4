import Diffusion
import ModelConfig
import Testing

/// The tables against diffusers' and against their definitions.
struct NoiseScheduleTests {
  @Test(arguments: scheduleGoldens)
  func agreesWithDiffusers(golden: ScheduleGolden) throws {
    var config = SchedulerConfig()
    config.betaSchedule = try #require(BetaSchedule(rawValue: golden.name))
    config.betaStart = golden.start
    config.betaEnd = golden.end
    let schedule = NoiseSchedule(config)
    #expect(schedule.steps == 1000)
    for (index, t) in golden.t.enumerated() {
      // Float32 rounding of diffusers' tables is all that may differ; where 1 − β is small, as at
      // the cosine schedule's end, ᾱ inherits it magnified.
      #expect(abs(schedule.beta[t] / golden.beta[index] - 1) < 1e-3)
      #expect(abs(schedule.alphaBar[t] / golden.alphaBar[index] - 1) < 1e-3)
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
}
