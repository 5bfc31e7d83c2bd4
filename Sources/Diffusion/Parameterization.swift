public import ModelConfig
public import TensorCore

/// What a network's output means (`prediction_type`): the noise ε, the data x₀, or the velocity
/// v = √ᾱₜ ε − √(1−ᾱₜ) x₀ of Salimans & Ho (2022), "Progressive Distillation", appendix D.
///
/// With xₜ = √ᾱₜ x₀ + √(1−ᾱₜ) ε any of the three gives the others. Outputs are raw, N×H×W×C_out: of
/// the 2C channels of a network with a learned variance, the first C are the prediction.
public struct Parameterization: Sendable {
  private let diffusion: GaussianDiffusion
  private let type: PredictionType

  /// Outputs of this type along the chain of `diffusion`.
  public init(_ diffusion: GaussianDiffusion, _ type: PredictionType) {
    self.diffusion = diffusion
    self.type = type
  }

  /// x̂₀ that the output at xₜ stands for; `into` may be `output` or `x`.
  public func data(_ output: Tensor, x: Tensor, t: Int, into data: Tensor) {
    withPrediction(output, x.shape) { prediction in
      switch type {
      case .epsilon: diffusion.predictData(x, t: t, noise: prediction, into: data)
      case .sample: copy(prediction, into: data)
      case .velocity:
        combine(
          Float(diffusion.signalScale(t)), x, Float(-diffusion.noiseScale(t)), prediction,
          into: data)
      }
    }
  }

  /// ∂x̂₀/∂output: x̂₀ is linear in the output.
  func dataSlope(_ t: Int) -> Double {
    switch type {
    case .epsilon: -diffusion.noiseScale(t) / diffusion.signalScale(t)
    case .sample: 1
    case .velocity: -diffusion.noiseScale(t)
    }
  }

  /// ε̂ that the output at xₜ stands for; `into` may be `output` or `x`.
  public func noise(_ output: Tensor, x: Tensor, t: Int, into noise: Tensor) {
    let (signal, deviation) = (diffusion.signalScale(t), diffusion.noiseScale(t))
    withPrediction(output, x.shape) { prediction in
      switch type {
      case .epsilon: copy(prediction, into: noise)
      case .sample:
        combine(Float(1 / deviation), x, Float(-signal / deviation), prediction, into: noise)
      case .velocity: combine(Float(deviation), x, Float(signal), prediction, into: noise)
      }
    }
  }

  /// Calls `body` with the prediction's channels of an output.
  private func withPrediction(_ output: Tensor, _ shape: Shape, _ body: (Tensor) -> Void) {
    if output.shape == shape {
      body(output)
    } else {
      withScratch(shape) { prediction in
        copyChannels(from: 0, of: output, into: prediction)
        body(prediction)
      }
    }
  }

  /// What L_simple compares the output at xₜ with; `into` may be `data` or `noise`.
  public func target(data: Tensor, noise: Tensor, t: Int, into target: Tensor) {
    switch type {
    case .epsilon: copy(noise, into: target)
    case .sample: copy(data, into: target)
    case .velocity:
      combine(
        Float(diffusion.signalScale(t)), noise, Float(-diffusion.noiseScale(t)), data,
        into: target)
    }
  }
}
