import Diffusion
import DurableIO
import Glibc
import ModelConfig
import ModelFiles
import Models
import StrictJSON
import TensorCore
import Testing

import TestSupport
@testable import Training

/// A recipe that draws t by importance from a certain step on.
private let importanceRecipe: TrainingRecipe = {
  var recipe = recipe(batchSize: 8)
  recipe.samplesTimestepsByImportance = true
  return recipe
}()

struct TrainerTests {
  private func trainer(
    threads: Int = 1, config: UNetConfig = tinyConfig, recipe: TrainingRecipe = recipe()
  ) -> Trainer {
    var scheduler = SchedulerConfig()
    // So short a chain that every t has its ten losses after a few steps.
    if recipe.samplesTimestepsByImportance { scheduler.numTrainTimesteps = 2 }
    return Trainer(
      unet: UNet(config), scheduler: scheduler, recipe: recipe, pool: ThreadPool(threads: threads))
  }

  private func bits(_ trainer: Trainer) -> [[UInt32]] {
    trainer.state.tensors.map { values($0.values).map(\.bitPattern) }
  }

  @Test(arguments: [recipe(), importanceRecipe])
  func threadsDoNotChangeBits(recipe: TrainingRecipe) throws {
    let trainers = [1, 2, 3].map { trainer(threads: $0, recipe: recipe) }
    for trainer in trainers {
      for _ in 0..<5 { try trainer.trainOnce() }
    }
    #expect(bits(trainers[0]) == bits(trainers[1]))
    #expect(bits(trainers[0]) == bits(trainers[2]))
  }

  @Test(arguments: [recipe(), importanceRecipe])
  func aRestoredRunEndsInTheSameBits(recipe: TrainingRecipe) throws {
    let whole = trainer(recipe: recipe)
    for _ in 0..<5 { try whole.trainOnce() }
    try inTemporaryFolder { folder in
      let store = try CheckpointStore(path: folder)
      let writer = CheckpointWriter(store)
      for stop in 1...4 {
        let run = trainer(threads: 2, recipe: recipe)
        if let checkpoint = try store.newest() { try run.restore(checkpoint) }
        #expect(run.state.step == stop - 1)
        try run.trainOnce()
        try writer.write(run.state, note: [:])
        // What happens to the state while it is written must not reach the disk.
        try run.trainOnce()
        try writer.finish()
      }
      let last = trainer(recipe: recipe)
      try last.restore(try #require(try store.newest()))
      try last.trainOnce()
      #expect(bits(last) == bits(whole))
    }
  }

  /// Draws by importance begin once every t has ten losses. The loss is then the mean of the images'
  /// losses weighted with 1/(T pₜ), and these, unweighted, become the latest of the history.
  @Test func timestepsAreDrawnByImportance() throws {
    let trainer = trainer(recipe: importanceRecipe)
    var steps = 0
    while trainer.state.lossHistory?.distribution == nil {
      try trainer.trainOnce()
      steps += 1
    }
    #expect(steps < 5)
    let history = try #require(trainer.state.lossHistory)
    let distribution = try #require(history.distribution)
    let seed = importanceRecipe.seed
    let draws = (0..<8).map {
      let bits = Philox(seed: seed, stream: 12).integer(
        below: 1 << 53, step: UInt32(steps), image: UInt32($0))
      return distribution.draw(Double(bits) * 0x1p-53)
    }
    #expect(Set(draws.map(\.t)) == [1, 2])
    let report = try trainer.trainOnce()
    var weighted = 0.0
    for t in 1...2 {
      let mine = draws.filter { $0.t == t }
      let row = values(history.losses.all)[(t - 1) * 10..<t * 10].suffix(mine.count)
      weighted += zip(mine, row).reduce(0) { $0 + $1.0.weight * Double($1.1) / 8 }
    }
    #expect(abs(report.loss / weighted - 1) < 1e-6)
  }

  /// Two steps against Algorithm 1 and AdamW written out element by element in Double, with the
  /// network's gradient taken in one piece.
  @Test func aStepIsAlgorithm1() throws {
    var config = tinyConfig
    config.dropout = 0
    var recipe = recipe()
    recipe.gradientClipping = 0.05
    let trainer = trainer(threads: 2, config: config, recipe: recipe)
    let unet = UNet(config)
    let (rate, decay, epsilon) = (1e-3, 0.01, 1e-8)
    let weights = FloatBuffer(count: unet.layout.count)
    unet.initialize(weights.all, seed: 7)
    var w = values(weights.all).map(Double.init)
    var average = w
    var m = w.map { _ in 0.0 }
    var v = m

    let schedule = NoiseSchedule(SchedulerConfig())
    let memory = FloatBuffer(count: 2 * 6 * 64)
    let shape = Shape(6, 8, 8, 1)
    let (x, noise) = (memory.tensor(at: 0, shape), memory.tensor(at: 6 * 64, shape))
    for step in 0..<2 {
      let bytes = pixels(step: step)
      var timesteps: [Int] = []
      for n in 0..<6 {
        let t =
          1
          + Philox(seed: 7, stream: 1).integer(
            below: 1000, step: UInt32(step), image: UInt32(n))
        let epsilon = noise.images(n..<n + 1)
        Philox(seed: 7, stream: 2).fillNormal(epsilon, step: UInt32(step), image: UInt32(n))
        for i in 0..<64 {
          let data = Double(bytes[64 * n + i]) / 127.5 - 1
          unsafe x.elements[64 * n + i] = Float(
            schedule.alphaBar[t].squareRoot() * data
              + (1 - schedule.alphaBar[t]).squareRoot() * Double(epsilon.elements[i]))
        }
        timesteps.append(t - 1)
      }
      for i in w.indices { unsafe weights.all.elements[i] = Float(w[i]) }
      let gradients = FloatBuffer(count: w.count)
      var loss = 0.0
      unet.train(
        x, timesteps: timesteps, weights: weights.all, gradients: gradients.all, arena: Arena(),
        dropout: nil
      ) { output, gradient in
        for i in 0..<384 {
          let difference = unsafe Double(output.elements[i]) - Double(noise.elements[i])
          loss += difference * difference / 384
          unsafe gradient.elements[i] = Float(2 * difference / 384)
        }
      }
      let norm = values(gradients.all).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let factor = min(1, 0.05 / norm)
      let t = Double(step + 1)
      let thisRate = rate * t / 3
      let averageDecay = min(0.9, t / (9 + t))
      for i in w.indices {
        let g = unsafe Double(gradients.all.elements[i]) * factor
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        w[i] -= thisRate * decay * w[i]
        w[i] -=
          thisRate * m[i] / (1 - pow(0.9, t))
          / ((v[i] / (1 - pow(0.999, t))).squareRoot() + epsilon)
        average[i] = averageDecay * average[i] + (1 - averageDecay) * w[i]
      }

      let report = try trainer.trainOnce()
      #expect(report.step == step + 1)
      #expect(abs(report.loss - loss) < 1e-5 * loss)
      #expect(abs(report.gradientNorm - norm) < 1e-4 * norm)
      #expect(abs(report.learningRate - thisRate) < 1e-12)
      #expect(report.gradientNorm > 0.05, "the test should clip")
    }
    // Where a gradient is near zero Adam amplifies its rounding: a step's length bounds that.
    let stray = zip(values(trainer.weights), w).map { abs(Double($0) - $1) }
    #expect(stray.max() ?? 1 < 5e-5)
    #expect(stray.reduce(0, +) / Double(w.count) < 1e-7)
    let averageStray = zip(values(trainer.averagedWeights), average).map { abs(Double($0) - $1) }
    #expect(averageStray.reduce(0, +) / Double(w.count) < 1e-7)
  }

  @Test func learns() throws {
    let trainer = trainer(recipe: recipe(rate: 3e-3))
    var losses: [Double] = []
    for _ in 0..<60 { losses.append(try trainer.trainOnce().loss) }
    let (first, last) = (losses.prefix(10).reduce(0, +), losses.suffix(10).reduce(0, +))
    #expect(last < 0.6 * first)
  }

  @Test func aLossThatIsNotFiniteLeavesTheStateAlone() throws {
    var wild = recipe(rate: 1e30)
    wild.learningRate.warmupSteps = 0
    let trainer = trainer(recipe: wild)
    try trainer.trainOnce()
    let before = bits(trainer)
    #expect(throws: TrainingError.self) { try trainer.trainOnce() }
    #expect(trainer.state.step == 1)
    #expect(bits(trainer) == before)
  }

  @Test func aNaNIsSpelledWithoutItsSign() {
    let error = TrainingError.notFinite(step: 7, loss: -.nan, gradientNorm: .infinity)
    #expect("\(error)".hasPrefix("at step 7 the loss is NaN and the gradient's norm inf;"))
  }

  @Test func withoutAnAverageTheWeightsArePublished() throws {
    var plain = recipe()
    plain.average = nil
    let trainer = trainer(recipe: plain)
    try trainer.trainOnce()
    #expect(values(trainer.averagedWeights) == values(trainer.weights))
    #expect(trainer.state.tensors.count == 3)
  }
}

struct GradientSumTests {
  @Test(arguments: [1, 2, 3, 5, 8], [1, 2])
  func addsAllShards(shards: Int, threads: Int) {
    let count = 2 * chunkSize + 17
    let buffers = (0..<shards).map { shard in
      let buffer = FloatBuffer(count: count)
      Philox(seed: 1, stream: 99).fillNormal(buffer.all, step: UInt32(shard), image: 0)
      return buffer
    }
    var expected = [Double](repeating: 0, count: count)
    for buffer in buffers {
      for (i, value) in values(buffer.all).enumerated() { expected[i] += Double(value) }
    }
    let squares = sumGradients(buffers.map(\.all), pool: ThreadPool(threads: threads))
    let sum = values(buffers[0].all)
    #expect(zip(sum, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    let expectedSquares = sum.reduce(0) { $0 + Double($1) * Double($1) }
    #expect(abs(squares / expectedSquares - 1) < 1e-12)
  }
}

struct ScheduleTests {
  @Test func theRateRisesAndStays() {
    let schedule = LearningRateSchedule(peak: 2, warmupSteps: 4)
    #expect((1...6).map { schedule.rate(step: $0) } == [0.5, 1, 1.5, 2, 2, 2])
    #expect(LearningRateSchedule(peak: 2).rate(step: 1) == 2)
  }

  @Test func theAverageWarmsUp() {
    let average = ExponentialMovingAverage(decay: 0.9)
    #expect(average.decay(step: 1) == 0.1)
    #expect(average.decay(step: 11) == 11.0 / 20)
    #expect(average.decay(step: 1000) == 0.9)
  }

  @Test(arguments: [1, 2, 3, 6, 15, 16, 64, 100, 128])
  func shardsCoverTheBatch(batchSize: Int) {
    let recipe = TrainingRecipe(
      seed: 0, batchSize: batchSize, learningRate: LearningRateSchedule(peak: 1))
    let ranges = (0..<recipe.shards).map { recipe.images(ofShard: $0) }
    #expect(ranges.flatMap(Array.init) == Array(0..<batchSize))
    #expect(ranges.allSatisfy { !$0.isEmpty })
  }
}

struct CheckpointWriterTests {
  @Test func aFailedWriteIsNotLost() throws {
    try inTemporaryFolder { folder in
      let store = try CheckpointStore(path: folder + "/checkpoints")
      let writer = CheckpointWriter(store)
      // A folder where the file should go.
      try Directory.create(store.path + "/step-0000000000.safetensors/x")
      try writer.write(TrainingState(parameters: 4, averaging: true), note: [:])
      #expect(throws: ModelFileError.self) { try writer.finish() }
      try writer.finish()
    }
  }
}
