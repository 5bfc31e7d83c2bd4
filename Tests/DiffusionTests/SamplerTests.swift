import Diffusion
import ModelConfig
import StrictJSON
import TensorCore
import Testing

/// The samplers against diffusers' schedulers, for given outputs and noise.
struct SamplerTests {
  /// The formulas of make_scheduler_goldens.py.
  static func prediction(_ position: Int, _ i: Int) -> Float {
    Float((7 * position + 3 * i) % 11) / 4 - 1.25
  }
  static func variance(_ position: Int, _ i: Int) -> Float {
    Float((3 * position + 5 * i) % 7) / 4 - 0.75
  }
  static func noise(_ position: Int, _ i: Int) -> Float {
    Float((5 * position + 2 * i) % 13) / 8 - 0.75
  }

  static func sampler(_ golden: ChainGolden, _ config: SchedulerConfig) throws -> any Sampler {
    switch golden.sampler {
    case .ddpm(let steps): AncestralSampler(config, steps: steps)
    case .ddim(let steps, let eta): DDIMSampler(config, steps: steps, eta: eta)
    case .dpm(let steps, let order, let solver):
      DPMSolverSampler(
        config, steps: steps, order: order, solver: try #require(DPMSolverType(rawValue: solver)))
    case .heun(let steps): HeunSampler(config, steps: steps)
    }
  }

  @Test(arguments: chainGoldens)
  func agreesWithDiffusers(golden: ChainGolden) throws {
    var json = try #require(JSONValue(parsing: golden.config).object)
    // diffusers' Heun clips only if it is told to.
    if case .heun = golden.sampler, json["clip_sample"] == nil { json["clip_sample"] = false }
    let config = try SchedulerConfig(json: .object(json))
    let sampler = try Self.sampler(golden, config)
    #expect(Array(sampler.timesteps.prefix(3)) == golden.timesteps)

    let channels = config.varianceType == .learnedRange ? 2 : 1
    let memory = FloatBuffer(count: 20)
    let x = memory.tensor(at: 0, Shape(1, 2, 2, 1))
    let output = memory.tensor(at: 4, Shape(1, 2, 2, channels))
    let carried = (0..<sampler.carried).map { memory.tensor(at: 12 + 4 * $0, x.shape) }
    for i in 0..<4 { unsafe x.elements[i] = Self.noise(12345, i) }
    for position in sampler.timesteps.indices {
      for i in 0..<4 {
        unsafe output.elements[channels * i] = Self.prediction(position, i)
        if channels == 2 { unsafe output.elements[2 * i + 1] = Self.variance(position, i) }
      }
      sampler.update(x, carried: carried, at: position, prediction: output) { z in
        for i in 0..<4 { unsafe z.elements[i] = Self.noise(position, i) }
      }
      guard let expected = golden.states[position] else { continue }
      for i in 0..<4 {
        let scale = max(1, abs(expected[i]))
        #expect(abs(Double(unsafe x.elements[i]) - expected[i]) < 1e-5 * scale, "\(position)")
      }
    }
    #expect(golden.states.keys.max() == sampler.timesteps.count - 1)
  }
}
