public import Diffusion
public import Models
import Synchronization
public import TensorCore

/// A U-Net with weights, as the diffusion sees it. Each thread should have its own: one waits while
/// another thread uses it.
public struct UNetDenoiser: Denoiser {
  private let unet: UNet
  private let weights: Tensor
  private let arena: ThreadArena

  /// - weights: flat, in the network's layout; must outlive the denoiser.
  public init(_ unet: UNet, weights: Tensor) {
    self.init(unet, weights: weights, arena: ThreadArena())
  }

  init(_ unet: UNet, weights: Tensor, arena: ThreadArena) {
    self.unet = unet
    self.weights = weights
    self.arena = arena
  }

  /// The network's output; see `Denoiser`.
  public func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
    arena.use {
      unet.predict(
        x, timesteps: timesteps, labels: labels, weights: weights, arena: $0, into: output)
    }
  }
}

/// The arena of one of a pool's threads. Its lock is taken once a pass and never contended.
final class ThreadArena: Sendable {
  private let arena = Mutex(Arena())

  func use(_ body: (Arena) -> Void) { arena.withLock { body($0) } }
}
