public import TensorCore

/// A way from x_T ~ N(0, I) to x₀: how many steps, at which timesteps, and the update of each.
///
/// A sampler holds coefficients only; it knows neither the network nor where noise comes from.
public protocol Sampler: Sendable {
  /// The timesteps t − 1 at which the network is asked, in the order they are visited.
  var timesteps: [Int] { get }

  /// How many tensors like x a chain carries from step to step beside x; 0 where the next state
  /// depends on x alone.
  var carried: Int { get }

  /// Turns the chain's state at `position` into the next one.
  ///
  /// - position: index into `timesteps`.
  /// - x: N×H×W×C, updated in place.
  /// - carried: as many tensors of x's shape as `carried` says, left by the step before and updated;
  ///   of any content at the first position.
  /// - prediction: N×H×W×C_out, the network's raw output for x at timesteps[position]; overwritten,
  ///   it serves as scratch.
  /// - noise: fills a tensor with z ~ N(0, I), independent in each call; called only where z enters,
  ///   and at most four times.
  func update(
    _ x: Tensor, carried: [Tensor], at position: Int, prediction: Tensor,
    noise: (Tensor) -> Void)
}

extension Sampler {
  /// None, as with most samplers.
  public var carried: Int { 0 }
}
