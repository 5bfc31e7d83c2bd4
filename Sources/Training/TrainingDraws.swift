import Diffusion
import TensorCore

/// The random part of one step of Algorithm 1: t and ε of each image of the batch, a pure function
/// of (seed, step, image) and, where t is drawn by importance, of the losses before.
struct TrainingDraws: Sendable {
  /// Steps done before, the counter of the random numbers.
  let step: UInt32

  private let diffusion: GaussianDiffusion
  private let parameterization: Parameterization
  private let uniformTimesteps: Philox
  private let importantTimesteps: Philox
  private let noise: Philox
  /// Whether images' losses are weighted, and asked for.
  private let isWeighted: Bool
  /// Nil for uniform draws.
  private let distribution: TimestepDistribution?

  /// The draws of the step after `state`.
  init(
    diffusion: GaussianDiffusion, parameterization: Parameterization, seed: UInt64,
    after state: TrainingState
  ) {
    func stream(_ stream: RandomStream) -> Philox { Philox(seed: seed, stream: stream.rawValue) }
    step = UInt32(state.step)
    self.diffusion = diffusion
    self.parameterization = parameterization
    uniformTimesteps = stream(.trainingTimestep)
    importantTimesteps = stream(.importantTimestep)
    noise = stream(.trainingNoise)
    isWeighted = state.lossHistory != nil
    distribution = state.lossHistory?.distribution
  }

  /// t = 1…T of an image of the batch, and the weight of its loss, 1/(T pₜ).
  func timestep(image: Int) -> (t: Int, weight: Double) {
    guard let distribution else {
      let steps = diffusion.schedule.steps
      return (1 + uniformTimesteps.integer(below: steps, step: step, image: UInt32(image)), 1)
    }
    let bits = importantTimesteps.integer(below: 1 << 53, step: step, image: UInt32(image))
    return distribution.draw(Double(bits) * 0x1p-53)
  }

  /// Lines 2 to 4 of Algorithm 1 for the images of a pass, and what the network should say of them.
  ///
  /// - images: their indices in the batch.
  /// - data, x, target: N×H×W×C; x receives xₜ.
  func diffuse(
    _ images: Range<Int>, data: Tensor, into x: Tensor, target: Tensor
  ) -> TrainingLoss.Images {
    var timesteps: [(t: Int, weight: Double)] = []
    for (offset, image) in images.enumerated() {
      func place(_ tensor: Tensor) -> Tensor { tensor.images(offset..<offset + 1) }
      let timestep = timestep(image: image)
      let epsilon = place(target)
      noise.fillNormal(epsilon, step: step, image: UInt32(image))
      diffusion.diffuse(place(data), t: timestep.t, noise: epsilon, into: place(x))
      parameterization.target(data: place(data), noise: epsilon, t: timestep.t, into: epsilon)
      timesteps.append(timestep)
    }
    return TrainingLoss.Images(
      data: data, target: target, t: timesteps.map(\.t),
      weights: isWeighted ? timesteps.map(\.weight) : nil)
  }
}
