public import TensorCore

/// A way from x_T ~ N(0, I) to x₀: how many steps, at which timesteps, and the update of each.
///
/// A sampler holds coefficients only; it knows neither the network nor where noise comes from.
public protocol Sampler: Sendable {
  /// The timesteps t − 1 at which the network is asked, in the order they are visited.
  var timesteps: [Int] { get }

  /// Turns the chain's state at `position` into the next one.
  ///
  /// - position: index into `timesteps`.
  /// - x: N×H×W×C, updated in place.
  /// - prediction: N×H×W×C, ε_θ(x, timesteps[position]); overwritten, it serves as scratch.
  /// - noise: fills a tensor with z ~ N(0, I), independent in each call; called only where z enters,
  ///   and at most four times.
  func update(
    _ x: Tensor, at position: Int, prediction: Tensor, noise: (Tensor) -> Void)
}
