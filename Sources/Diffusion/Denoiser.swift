public import TensorCore

/// ε_θ(xₜ, t): all that the diffusion mathematics knows of a network.
public protocol Denoiser: Sendable {
  /// Predicts the noise in `x`.
  ///
  /// - x: N×H×W×C, the noisy images xₜ, in units of standard deviations.
  /// - timesteps: N values t − 1 in 0 ..< T, diffusers' numbering.
  /// - output: N×H×W×C, receives ε_θ.
  func predict(_ x: Tensor, timesteps: [Int], into output: Tensor)
}
