import Diffusion
import Jobs
import ModelConfig

/// The sampler that a job's section `sampler` describes, for a model trained on the chain `scheduler`.
///
/// Throws: that the model's chain does not allow it.
func makeSampler(
  _ spec: SamplerSpec, _ scheduler: SchedulerConfig
) throws(JobFailure) -> any Sampler {
  switch spec {
  case .ddpm:
    return AncestralSampler(scheduler)
  case .ddim(let steps, let eta):
    guard steps <= scheduler.numTrainTimesteps else {
      throw .failed(
        reason: "$.sampler.steps: found \(steps), allowed is 1 to"
          + " \(scheduler.numTrainTimesteps), the steps of the model's chain")
    }
    return DDIMSampler(scheduler, steps: steps, eta: eta)
  }
}
