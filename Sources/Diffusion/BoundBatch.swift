public import TensorCore

/// Some images, scored by one model or several: for each image, model and timestep the term of the
/// variational bound and the squared error of x̂₀, one draw of the noise each.
///
/// **Bits.** The noise is named by (seed, t, image of the data set) and is the same for all models;
/// what a network predicts for an image does not depend on the others in its call. So a value
/// depends on (model, seed, image, t) only: not on the batch, on threads or on interruptions. The
/// state between two calls of `advance` is `position` and `values`.
///
/// Not thread-safe; it spreads its work over the pool's threads itself.
@safe public final class BoundBatch {
  /// The images' indices in the data set.
  public let images: [Int]
  /// What was found, float32: images × models × parts of the chain × 2 (bits, squared error). The
  /// bits, per dimension, are those of one timestep; the error is the mean over dimensions, with
  /// pixels in [−1, 1].
  public let values: Tensor
  /// Units of work done, 0 ... `units`: images in order, for each image model by model.
  public private(set) var position = 0

  private let scorer: Scorer
  private let pool: ThreadPool
  private let memory: FloatBuffer

  /// - data: N×H×W×C in [−1, 1], valid as long as the batch is used.
  /// - images: the N images' indices in the data set.
  /// - labels: the class of each image; nil for networks without classes.
  /// - models: for each model one denoiser for each of the pool's threads.
  /// - outputChannels: of the networks: C, or 2C with learned variances.
  public init(
    data: Tensor, images: [Int], labels: [Int]? = nil, bound: VariationalBound,
    strata: TimestepStrata, models: [[any Denoiser]], outputChannels: Int, seed: UInt64,
    pool: ThreadPool
  ) {
    precondition(labels.map { $0.count == images.count } ?? true, "one label an image")
    precondition(data.shape.n == images.count, "every image has an index")
    precondition(models.allSatisfy { $0.count == pool.threads }, "one denoiser a thread")
    self.images = images
    self.pool = pool
    let parts = strata.ranges.count
    let values = Shape(images.count, models.count, parts, 2)
    let call = min(Scorer.largestCall, parts)
    let x = Shape(call, data.shape.h, data.shape.w, data.shape.c)
    let output = Shape(call, data.shape.h, data.shape.w, outputChannels)
    let memory = FloatBuffer(count: values.count + pool.threads * (x.count + output.count))
    self.memory = memory
    self.values = memory.tensor(at: 0, values)
    scorer = Scorer(
      data: data, images: images, labels: labels, values: self.values, bound: bound,
      strata: strata, models: models,
      scratch: (0..<pool.threads).map { thread in
        let start = values.count + thread * (x.count + output.count)
        return (memory.tensor(at: start, x), memory.tensor(at: start + x.count, output))
      },
      timesteps: Philox(seed: seed, stream: RandomStream.evaluationTimestep.rawValue),
      noise: Philox(seed: seed, stream: RandomStream.evaluationNoise.rawValue))
  }

  /// Units of work of all images.
  public var units: Int { images.count * scorer.unitsOfAnImage }

  /// Images whose every value has been found.
  public var finishedImages: Int { position / scorer.unitsOfAnImage }

  /// What was found for one image: for each model its part of `values`.
  public func values(of image: Int) -> [[Float]] {
    let models = values.shape.h
    let one = values.images(image..<image + 1)
      .reshaped(Shape(models, values.shape.w, values.shape.c, 1))
    return (0..<models).map { unsafe Array(one.images($0..<$0 + 1).elements) }
  }

  /// Says that the contents of `values`, written by the caller, are the state after `position`
  /// units.
  public func resume(at position: Int) {
    precondition((0...units).contains(position), "there is no such position")
    self.position = position
  }

  /// Does the next `count` units, or what is left.
  public func advance(by count: Int) {
    let (scorer, first) = (scorer, position)
    position = min(position + count, units)
    pool.run(position - first) { unit, thread in scorer.score(first + unit, thread: thread) }
  }
}

/// What the threads share. Each writes values of its own.
private struct Scorer: Sendable {
  /// Timesteps in one call of a network: its weights are fetched once a call.
  static let largestCall = 8

  let data: Tensor
  let images: [Int]
  let labels: [Int]?
  let values: Tensor
  let bound: VariationalBound
  let strata: TimestepStrata
  let models: [[any Denoiser]]
  /// Of each thread: x_t and the network's output.
  let scratch: [(x: Tensor, output: Tensor)]
  let timesteps: Philox
  let noise: Philox

  /// A unit is one call of a network; the parts of the chain are spread evenly over the calls.
  var unitsOfAnImage: Int { models.count * calls }
  private var calls: Int { (strata.ranges.count + Self.largestCall - 1) / Self.largestCall }

  func score(_ unit: Int, thread: Int) {
    let (image, rest) = unit.quotientAndRemainder(dividingBy: unitsOfAnImage)
    let (model, call) = rest.quotientAndRemainder(dividingBy: calls)
    let count = strata.ranges.count
    let parts = call * count / calls..<(call + 1) * count / calls
    let x = scratch[thread].x.images(0..<parts.count)
    let output = scratch[thread].output.images(0..<parts.count)
    let x0 = data.images(image..<image + 1)
    let drawn = parts.map { strata.timestep($0, image: images[image], random: timesteps) }
    for (place, t) in drawn.enumerated() {
      let noisy = x.images(place..<place + 1)
      noise.fillNormal(noisy, step: UInt32(t), image: UInt32(images[image]))
      bound.diffusion.diffuse(x0, t: t, noise: noisy, into: noisy)
    }
    models[model][thread].predict(
      x, timesteps: drawn.map { $0 - 1 },
      labels: labels.map { Array(repeating: $0[image], count: parts.count) }, into: output)
    for (place, (part, t)) in zip(parts, drawn).enumerated() {
      let term = bound.terms(
        output.images(place..<place + 1), data: x0, x: x.images(place..<place + 1), t: t)[0]
      let value = ((image * models.count + model) * count + part) * 2
      unsafe values.elements[value] = Float(term.bits)
      unsafe values.elements[value + 1] = Float(term.dataError)
    }
  }
}
