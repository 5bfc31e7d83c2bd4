public import Diffusion
public import Models
public import TensorCore

/// A U-Net with weights, as the diffusion sees it. One thread's: it owns an arena.
public struct UNetDenoiser: Denoiser {
  private let unet: UNet
  private let weights: Tensor
  private let arena: Arena

  /// - weights: flat, in the network's layout; must outlive the denoiser.
  public init(_ unet: UNet, weights: Tensor, arena: Arena = Arena()) {
    self.unet = unet
    self.weights = weights
    self.arena = arena
  }

  /// ε_θ(x, t).
  public func predict(_ x: Tensor, timesteps: [Int], into output: Tensor) {
    unet.predict(x, timesteps: timesteps, weights: weights, arena: arena, into: output)
  }
}
