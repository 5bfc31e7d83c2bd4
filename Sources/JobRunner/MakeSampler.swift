import Diffusion
import Jobs
import ModelConfig

/// The sampler that a job's section `sampler` describes, for a model trained on the chain `scheduler`.
///
/// Throws: that the model's chain does not allow it.
func makeSampler(
  _ spec: SamplerSpec, _ scheduler: SchedulerConfig, log: (String) -> Void
) throws(JobFailure) -> any Sampler {
  let config = spec.scheduler(of: scheduler)
  do {
    try spec.checkSteps(of: config)
  } catch {
    throw .failed(reason: "\(error)")
  }
  if let steps = spec.steps { try check(steps, of: config, spec.method) }
  switch (spec.method, spec.steps) {
  case (.ddpm, let steps):
    if let steps, steps < config.numTrainTimesteps, config.varianceType == .fixedLarge {
      log(
        "warning: fixed_large over \(steps) of \(config.numTrainTimesteps) steps gives noisy images;"
          + " set $.sampler.variance_type to \"fixed_small\", or $.sampler.type to \"ddim\"")
    }
    return AncestralSampler(config, steps: steps)
  case (.ddim, let steps?):
    return DDIMSampler(config, steps: steps, eta: spec.eta)
  case (.dpmSolver, let steps?):
    return DPMSolverSampler(config, steps: steps, order: spec.solverOrder, solver: spec.solverType)
  case (.heun, let steps?):
    return HeunSampler(config, steps: steps)
  case (_, nil):
    preconditionFailure("only ddpm has a full chain")
  }
}

/// Whether the chain has so many timesteps for the method.
private func check(
  _ steps: Int, of config: SchedulerConfig, _ method: SamplerSpec.Method
) throws(JobFailure) {
  let chain = config.numTrainTimesteps
  guard config.timesteps(steps, aboveZero: method == .dpmSolver) == nil else { return }
  let spacing = config.timestepSpacing
  let offset = spacing == .leading ? " and steps_offset \(config.stepsOffset)" : ""
  throw .failed(
    reason: "$.sampler.steps: found \(steps), but the model's chain of \(chain) steps has no"
      + " \(steps) timesteps for \(method.rawValue) with timestep_spacing \(spacing.rawValue)\(offset);"
      + " ask for fewer steps" + (offset.isEmpty ? "" : " or a lower steps_offset"))
}
