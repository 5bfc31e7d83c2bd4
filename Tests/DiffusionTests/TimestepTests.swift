import Diffusion
import ModelConfig
import Testing

/// The timesteps of shortened chains; their values are compared with diffusers' by `SamplerTests`.
struct TimestepTests {
  static func config(_ steps: Int, _ spacing: TimestepSpacing, offset: Int = 0) -> SchedulerConfig {
    var config = SchedulerConfig()
    config.numTrainTimesteps = steps
    config.timestepSpacing = spacing
    config.stepsOffset = offset
    return config
  }

  /// Every number of steps up to T has timesteps: that many, falling, within the chain.
  @Test(arguments: TimestepSpacing.allCases, [1, 2, 3, 7, 100, 97])
  func everyNumberOfStepsFits(spacing: TimestepSpacing, chain: Int) throws {
    let config = Self.config(chain, spacing)
    for steps in 1...chain {
      let timesteps = try #require(config.timesteps(steps), "\(steps)")
      #expect(timesteps.count == steps)
      #expect(zip(timesteps, timesteps.dropFirst()).allSatisfy { $0 > $1 })
      #expect(timesteps[0] < chain && timesteps[steps - 1] >= 0)
    }
    #expect(config.timesteps(chain) == (0..<chain).reversed())
    #expect(config.timesteps(chain + 1) == nil && config.timesteps(0) == nil)
  }

  /// Both ends, the lower, or the upper.
  @Test func theSpacingsAreWhatTheirNamesSay() {
    #expect(Self.config(10, .linspace).timesteps(3) == [9, 4, 0])
    #expect(Self.config(10, .leading).timesteps(3) == [6, 3, 0])
    #expect(Self.config(10, .leading, offset: 1).timesteps(3) == [7, 4, 1])
    #expect(Self.config(10, .trailing).timesteps(3) == [9, 6, 2])
    #expect(Self.config(10, .trailing, offset: 1).timesteps(3) == [9, 6, 2])
  }

  @Test func thoseThatDoNotFitAreNone() {
    #expect(Self.config(10, .leading, offset: 1).timesteps(10) == nil)
    #expect(Self.config(10, .leading, offset: 3).timesteps(3) == [9, 6, 3])
    #expect(Self.config(10, .leading, offset: 4).timesteps(3) == nil)
    // Without timestep 0 there is one fewer.
    #expect(Self.config(10, .leading).timesteps(10, aboveZero: true) == nil)
    #expect(Self.config(10, .linspace).timesteps(10, aboveZero: true) == nil)
    #expect(Self.config(10, .linspace).timesteps(9, aboveZero: true) == (1...9).reversed())
    #expect(Self.config(10, .trailing).timesteps(10, aboveZero: true)?.last == 0)
  }
}
