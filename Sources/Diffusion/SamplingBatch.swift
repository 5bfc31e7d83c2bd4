public import TensorCore

/// A batch of images drawn together, one chain step at a time.
///
/// **Bits.** The network sees one image a call, and all noise is named by (seed, chain position,
/// image), so that an image depends on (model, sampler, seed, index) only: not on the batch it is
/// drawn in nor on the threads. The state between two steps is `position` and `x`, so a chain can
/// be stored and taken up anywhere.
///
/// Not thread-safe; it spreads its images over the pool's threads itself.
@safe public final class SamplingBatch {
  /// The images' indices in the job.
  public let images: Range<Int>
  /// N×H×W×C: x at the current position; x₀ when finished.
  public let x: Tensor
  /// Chain steps done, 0 ... `steps`.
  public private(set) var position = 0

  private let sampler: any Sampler
  private let denoisers: [any Denoiser]
  private let pool: ThreadPool
  private let noise: Philox
  private let memory: FloatBuffer
  /// 1×H×W×C for each thread: ε_θ, then z.
  private let predictions: [Tensor]

  /// Starts the chains at x_T ~ N(0, I).
  ///
  /// - imageShape: 1×H×W×C.
  /// - denoisers: one for each of the pool's threads, used by that thread alone.
  public init(
    images: Range<Int>, imageShape: Shape, sampler: any Sampler, seed: UInt64,
    denoisers: [any Denoiser], pool: ThreadPool
  ) {
    precondition(denoisers.count == pool.threads, "one denoiser a thread")
    precondition(imageShape.n == 1, "the shape is that of one image")
    self.images = images
    self.sampler = sampler
    self.denoisers = denoisers
    self.pool = pool
    noise = Philox(seed: seed, stream: RandomStream.samplerNoise.rawValue)

    let memory = FloatBuffer(count: (images.count + pool.threads) * imageShape.count)
    self.memory = memory
    x = memory.tensor(
      at: 0, Shape(images.count, imageShape.h, imageShape.w, imageShape.c))
    predictions = (0..<pool.threads).map {
      memory.tensor(at: (images.count + $0) * imageShape.count, imageShape)
    }
    let start = Philox(seed: seed, stream: RandomStream.initialNoise.rawValue)
    for (offset, image) in images.enumerated() {
      start.fillNormal(x.images(offset..<offset + 1), step: 0, image: UInt32(image))
    }
  }

  /// Chain steps from x_T to x₀.
  public var steps: Int { sampler.timesteps.count }

  /// Whether `x` is x₀.
  public var isFinished: Bool { position == steps }

  /// Says that the contents of `x`, written by the caller, are the state after `position` steps.
  public func resume(at position: Int) {
    precondition((0...steps).contains(position), "the chain has no such position")
    self.position = position
  }

  /// Takes all images one step on.
  public func advance() {
    precondition(!isFinished, "the chain has ended")
    let timestep = sampler.timesteps[position]
    let (sampler, noise, position, images, x) = (sampler, noise, position, images, x)
    let (predictions, denoisers) = (predictions, denoisers)
    pool.run(images.count) { offset, thread in
      let state = x.images(offset..<offset + 1)
      let prediction = predictions[thread]
      denoisers[thread].predict(state, timesteps: [timestep], into: prediction)
      sampler.update(state, at: position, prediction: prediction) { z in
        noise.fillNormal(z, step: UInt32(position), image: UInt32(images.lowerBound + offset))
      }
    }
    self.position += 1
  }
}
