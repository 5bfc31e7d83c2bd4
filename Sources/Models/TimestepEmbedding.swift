internal import Glibc
internal import ModelConfig
internal import TensorCore

/// How the network learns the time: sinusoids of t (Vaswani et al. 2017), then two linear layers
/// with SiLU between.
struct TimestepEmbedding {
  private let channels: Int
  private let freqShift: Int
  private let flipSinToCos: Bool
  private let linear1: Linear
  private let linear2: Linear
  /// Channels of the embedding, 4 times those of the sinusoids.
  var outputs: Int { linear2.outputs }

  struct Activations {
    let sinusoids: Tensor
    let hidden: Tensor
    let activated: Tensor
  }

  init(_ config: UNetConfig, _ p: inout ParameterLayout) {
    channels = config.blockOutChannels[0]
    freqShift = config.freqShift
    flipSinToCos = config.flipSinToCos
    linear1 = Linear("time_embedding.linear_1", inputs: channels, outputs: 4 * channels, &p)
    linear2 = Linear("time_embedding.linear_2", inputs: 4 * channels, outputs: 4 * channels, &p)
  }

  /// What a forward pass costs.
  var operations: OperationCount { linear1.operations(rows: 1) + linear2.operations(rows: 1) }

  /// Returns N×4C for N timesteps.
  func forward(_ timesteps: [Int], _ pass: Pass) -> (Tensor, Activations) {
    let sinusoids = sinusoids(timesteps, pass)
    let hidden = linear1.forward(sinusoids, pass)
    let activated = pass.arena.take(hidden.shape)
    silu(hidden, into: activated)
    let embedding = linear2.forward(activated, pass)
    return (embedding, Activations(sinusoids: sinusoids, hidden: hidden, activated: activated))
  }

  /// Adds the parameters' gradients, given that of the embedding.
  func backward(_ gradient: Tensor, _ saved: Activations, _ pass: Pass) {
    let hidden = linear2.backward(gradient, x: saved.activated, pass)
    siluBackward(saved.hidden, hidden, into: hidden)
    linear1.backwardParameters(hidden, x: saved.sinusoids, pass)
    pass.arena.recycle(hidden)
  }

  /// [sin, cos] of t·fᵢ, fᵢ = 10000^(−i/(half − freq_shift)), or [cos, sin]. Angles are rounded to
  /// float32 where diffusers rounds them: t ≈ 1000 magnifies the difference.
  private func sinusoids(_ timesteps: [Int], _ pass: Pass) -> Tensor {
    let half = channels / 2
    let result = pass.arena.take(Shape(rows: timesteps.count, columns: channels))
    let elements = unsafe result.elements
    for (n, t) in timesteps.enumerated() {
      for i in 0..<half {
        let exponent = Float(-log(10_000.0)) * Float(i) / Float(half - freqShift)
        let angle = Double(Float(t) * Float(exp(Double(exponent))))
        let first = n * channels + i
        unsafe elements[flipSinToCos ? first + half : first] = Float(sin(angle))
        unsafe elements[flipSinToCos ? first : first + half] = Float(cos(angle))
      }
      if channels % 2 == 1 { unsafe elements[(n + 1) * channels - 1] = 0 }
    }
    return result
  }
}
