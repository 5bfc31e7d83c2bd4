public import TensorCore

/// A network as the diffusion sees it: what it predicts for noisy images.
public protocol Denoiser: Sendable {
  /// Predicts what is in `x`; see `Parameterization` for what that means.
  ///
  /// - x: N×H×W×C, the noisy images xₜ, in units of standard deviations.
  /// - timesteps: N values t − 1 in 0 ..< T, diffusers' numbering.
  /// - labels: N classes; nil for a network without classes.
  /// - output: N×H×W×C_out, receives the raw output; C_out is C, or 2C with a learned variance: a
  ///   pixel's prediction, then its variance.
  func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor)
}
