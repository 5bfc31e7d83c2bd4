/// A fixed set of triples (x₀, t, ε) on images that training never sees, to compare weights by: the
/// noise in the score is the same for all of them.

public import Diffusion
public import ModelConfig
public import TensorCore

/// Scores weights by L_simple over the triples. Not thread-safe; it spreads its work over the pool's
/// threads itself.
@safe public final class HeldOutBank {
  /// Number of triples.
  public let count: Int

  private let memory: FloatBuffer
  /// xₜ and what L_simple compares the network's output with: count×H×W×C each.
  private let x: Tensor
  private let target: Tensor
  private let timesteps: [Int]
  private let labels: [Int]?
  /// For each thread room for a call's output.
  private let outputs: [Tensor]
  private let pool: ThreadPool

  /// Triples in one call of the network.
  private static let largestCall = 8

  /// Draws the bank. Its triples go around the images; their timesteps are drawn one from each of
  /// `count` equal parts of the chain.
  ///
  /// - data: images×H×W×C, x₀ in [−1, 1]; not needed afterwards.
  /// - labels: the images' classes; nil for a network without classes.
  /// - outputChannels: of the network: C, or 2C with learned variances.
  public init(
    count: Int, data: Tensor, labels: [Int]?, scheduler: SchedulerConfig, outputChannels: Int,
    seed: UInt64, pool: ThreadPool
  ) {
    precondition(count > 0 && data.shape.n > 0, "a bank has triples")
    self.count = count
    self.pool = pool
    let shape = Shape(count, data.shape.h, data.shape.w, data.shape.c)
    let call = Shape(min(count, Self.largestCall), shape.h, shape.w, outputChannels)
    let memory = FloatBuffer(count: 2 * shape.count + pool.threads * call.count)
    self.memory = memory
    let (x, target) = (memory.tensor(at: 0, shape), memory.tensor(at: shape.count, shape))
    (self.x, self.target) = (x, target)
    outputs = (0..<pool.threads).map {
      memory.tensor(at: 2 * shape.count + $0 * call.count, call)
    }
    let diffusion = GaussianDiffusion(NoiseSchedule(scheduler))
    let parameterization = Parameterization(diffusion, scheduler.predictionType)
    let steps = diffusion.schedule.steps
    let times = Philox(seed: seed, stream: RandomStream.heldOutTimestep.rawValue)
    let noise = Philox(seed: seed, stream: RandomStream.heldOutNoise.rawValue)
    timesteps = (0..<count).map { triple in
      (triple * steps + times.integer(below: steps, step: 0, image: UInt32(triple))) / count
    }
    self.labels = labels.map { labels in (0..<count).map { labels[$0 % labels.count] } }
    for (triple, timestep) in timesteps.enumerated() {
      let image = triple % data.shape.n
      let x0 = data.images(image..<image + 1)
      let (noisy, goal) = (x.images(triple..<triple + 1), target.images(triple..<triple + 1))
      noise.fillNormal(goal, step: 0, image: UInt32(triple))
      diffusion.diffuse(x0, t: timestep + 1, noise: goal, into: noisy)
      parameterization.target(data: x0, noise: goal, t: timestep + 1, into: goal)
    }
  }

  /// L_simple: the mean over triples and elements of the squared error of what the network predicts;
  /// nil if stopped before it was known. Its bits do not depend on the threads.
  ///
  /// - denoisers: one for each of the pool's threads.
  public func loss(_ denoisers: [any Denoiser], shouldStop: () -> Bool) -> Double? {
    precondition(denoisers.count == pool.threads, "one denoiser a thread")
    let call = outputs[0].shape.n
    let calls = (count + call - 1) / call
    let sums = SharedSums(count: calls)
    let (x, target, timesteps, labels, outputs) = (x, target, timesteps, labels, outputs)
    let count = count
    for first in stride(from: 0, to: calls, by: pool.threads) {
      if shouldStop() { return nil }
      pool.run(min(pool.threads, calls - first)) { offset, thread in
        let index = first + offset
        let triples = index * call..<min((index + 1) * call, count)
        let output = outputs[thread].images(0..<triples.count)
        denoisers[thread].predict(
          x.images(triples), timesteps: Array(timesteps[triples]),
          labels: labels.map { Array($0[triples]) }, into: output)
        sums[index] = squaredError(of: output, target.images(triples))
      }
    }
    return sums.total / Double(x.count)
  }
}

/// Σ(prediction − target)²; of an output with variances beside the predictions, these are left out.
private func squaredError(of output: Tensor, _ target: Tensor) -> Double {
  let (channels, outputs) = (target.shape.c, output.shape.c)
  if outputs == channels { return sumOfSquaredDifferences(output, target) }
  return (0..<target.count).reduce(0.0) { sum, i in
    let prediction = unsafe output.elements[i / channels * outputs + i % channels]
    let error = Double(prediction) - Double(unsafe target.elements[i])
    return sum + error * error
  }
}
