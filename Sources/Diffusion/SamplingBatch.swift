public import TensorCore

/// A batch of images drawn together, one chain step at a time.
///
/// **Bits.** What the network predicts for an image does not depend on the others in its call, and
/// all noise is named by (seed, chain position, image), so that an image depends on (model, sampler,
/// seed, index, class) only: not on the batch it is drawn in nor on the threads. The state between
/// two steps is `position`, `x` and `carried`, so a chain can be stored and taken up anywhere.
///
/// Not thread-safe; it spreads its images over the pool's threads itself.
@safe public final class SamplingBatch {
  /// The images' indices in the job.
  public let images: Range<Int>
  /// N×H×W×C: x at the current position; x₀ when finished.
  public let x: Tensor
  /// What the sampler carries beside x, N×H×W×C each; of no meaning at position 0.
  public let carried: [Tensor]
  /// Chain steps done, 0 ... `steps`.
  public private(set) var position = 0

  private let sampler: any Sampler
  private let denoisers: [any Denoiser]
  private let pool: ThreadPool
  private let noise: StepNoise
  /// Whose noise each image takes.
  private let noiseIndices: [Int]
  private let observer: Observer?
  private let labels: [Int]?
  private let memory: FloatBuffer
  /// Images in one call of the network.
  private let group: Int
  /// group×H×W×C_out for each thread: the network's output, then scratch.
  private let predictions: [Tensor]

  /// The most images in a call of the network: weights are fetched once a call, and with this many
  /// images that costs little beside the work.
  public static let largestGroup = 8

  /// Sees an image of the job before each of its steps, on one of the pool's threads: its state `x`
  /// and the network's raw output for it, 1×H×W×C and 1×H×W×C_out.
  public typealias Observer =
    @Sendable (_ image: Int, _ position: Int, _ x: Tensor, _ prediction: Tensor) -> Void

  /// Starts the chains at x_T ~ N(0, I).
  ///
  /// - imageShape: 1×H×W×C.
  /// - outputChannels: C_out of the denoisers; nil: C.
  /// - labels: the class of each image; nil for networks without classes.
  /// - denoisers: one for each of the pool's threads, used by that thread alone.
  /// - noiseIndices: for each image, the image of the job whose noise it takes; nil: each its own.
  public init(
    images: Range<Int>, imageShape: Shape, sampler: any Sampler, seed: UInt64,
    denoisers: [any Denoiser], pool: ThreadPool, outputChannels: Int? = nil,
    labels: [Int]? = nil, noiseIndices: [Int]? = nil, observer: Observer? = nil
  ) {
    precondition(labels.map { $0.count == images.count } ?? true, "one label an image")
    precondition(noiseIndices.map { $0.count == images.count } ?? true, "one index an image")
    precondition(denoisers.count == pool.threads, "one denoiser a thread")
    precondition(imageShape.n == 1, "the shape is that of one image")
    self.images = images
    self.sampler = sampler
    self.denoisers = denoisers
    self.pool = pool
    self.noiseIndices = noiseIndices ?? Array(images)
    self.observer = observer
    self.labels = labels
    noise = StepNoise(seed: seed)

    let group = min(Self.largestGroup, (images.count + pool.threads - 1) / pool.threads)
    self.group = group
    let state = Shape(images.count, imageShape.h, imageShape.w, imageShape.c)
    let output = Shape(group, imageShape.h, imageShape.w, outputChannels ?? imageShape.c)
    let states = 1 + sampler.carried
    let memory = FloatBuffer(count: states * state.count + pool.threads * output.count)
    self.memory = memory
    x = memory.tensor(at: 0, state)
    carried = (1..<states).map { memory.tensor(at: $0 * state.count, state) }
    predictions = (0..<pool.threads).map {
      memory.tensor(at: states * state.count + $0 * output.count, output)
    }
    let start = Philox(seed: seed, stream: RandomStream.initialNoise.rawValue)
    for (offset, index) in self.noiseIndices.enumerated() {
      start.fillNormal(x.images(offset..<offset + 1), step: 0, image: UInt32(index))
    }
  }

  /// Chain steps from x_T to x₀.
  public var steps: Int { sampler.timesteps.count }

  /// Whether `x` is x₀.
  public var isFinished: Bool { position == steps }

  /// Says that the contents of `x` and `carried`, written by the caller, are the state after
  /// `position` steps.
  public func resume(at position: Int) {
    precondition((0...steps).contains(position), "the chain has no such position")
    self.position = position
  }

  /// Takes all images one step on.
  public func advance() {
    precondition(!isFinished, "the chain has ended")
    let timestep = sampler.timesteps[position]
    let (sampler, noise, position, images, x) = (sampler, noise, position, images, x)
    let (predictions, denoisers, group) = (predictions, denoisers, group)
    let (carried, labels) = (carried, labels)
    let (noiseIndices, observer) = (noiseIndices, observer)
    pool.run((images.count + group - 1) / group) { index, thread in
      let range = index * group..<min((index + 1) * group, images.count)
      let prediction = predictions[thread].images(0..<range.count)
      denoisers[thread].predict(
        x.images(range), timesteps: Array(repeating: timestep, count: range.count),
        labels: labels.map { Array($0[range]) }, into: prediction)
      for (place, offset) in range.enumerated() {
        let (x, prediction) = (x.images(offset..<offset + 1), prediction.images(place..<place + 1))
        observer?(images.lowerBound + offset, position, x, prediction)
        var draws = 0
        sampler.update(
          x, carried: carried.map { $0.images(offset..<offset + 1) }, at: position,
          prediction: prediction
        ) { z in
          noise.fill(z, position: position, image: noiseIndices[offset], draw: draws)
          draws += 1
        }
      }
    }
    self.position += 1
  }
}

/// The noise of sampling steps, named by position in the chain, image, and draw within the step.
private struct StepNoise {
  private let first: Philox
  private let further: Philox

  /// More draws than any sampler asks for in one step.
  private static let draws = 4

  init(seed: UInt64) {
    first = Philox(seed: seed, stream: RandomStream.samplerNoise.rawValue)
    further = Philox(seed: seed, stream: RandomStream.furtherSamplerNoise.rawValue)
  }

  func fill(_ z: Tensor, position: Int, image: Int, draw: Int) {
    precondition(draw < Self.draws, "too many draws in one step")
    if draw == 0 {
      first.fillNormal(z, step: UInt32(position), image: UInt32(image))
    } else {
      further.fillNormal(z, step: UInt32(position * Self.draws + draw), image: UInt32(image))
    }
  }
}
