import ModelConfig
import Models
import TensorCore
import Testing

@testable import Training

/// Training with labels.
@Suite struct ClassConditionTests {
  private static let labels = [0, 1, 2, 0, 1, 2]

  private func trainer(
    dropout: Double? = nil, shards: Int? = 4, threads: Int = 1
  ) -> Trainer {
    var config = tinyConfig
    config.numClassEmbeds = 4
    var recipe = recipe(shards: shards)
    recipe.labelDropout = dropout.map { LabelDropout(probability: $0, nullClass: 3) }
    return Trainer(
      unet: UNet(config), scheduler: SchedulerConfig(), recipe: recipe,
      pool: ThreadPool(threads: threads))
  }

  private func trained(_ trainer: Trainer, labels: [Int] = labels) throws -> [Float] {
    for step in 0..<3 { _ = try trainer.train(pixels(step: step), labels: labels) }
    return values(trainer.weights)
  }

  /// The rows of the class embedding that moved.
  private func learned(_ trainer: Trainer, labels: [Int] = labels) throws -> [Int] {
    let before = values(trainer.weights)
    let after = try trained(trainer, labels: labels)
    let table = try #require(
      trainer.unet.layout.parameters.first { $0.name == "class_embedding.weight" })
    // Beyond the weight decay, which acts on all.
    return (0..<4).filter { row in
      (0..<table.shape[1]).contains { channel in
        let i = table.offset + channel * 4 + row
        return abs(after[i] - before[i]) > 1e-4 * max(1, abs(before[i]))
      }
    }
  }

  @Test func onlyTheClassesOfTheDataAreLearned() throws {
    #expect(try learned(trainer()) == [0, 1, 2])
    #expect(try learned(trainer(), labels: [2, 2, 2, 2, 2, 2]) == [2])
    #expect(try learned(trainer(dropout: 0.5)) == [0, 1, 2, 3])
  }

  @Test func threadsDoNotChangeBits() throws {
    #expect(try trained(trainer(dropout: 0.5)) == trained(trainer(dropout: 0.5, threads: 3)))
    #expect(try trained(trainer(dropout: 0.5)) != trained(trainer()))
  }

  /// The share of hidden labels, 4σ around the probability, and that they do not depend on shards.
  @Test(arguments: [0.0, 0.1, 0.75]) func labelsAreHiddenAsOftenAsAsked(probability: Double) {
    var recipe = recipe()
    recipe.labelDropout = LabelDropout(probability: probability, nullClass: 3)
    var hidden = 0
    for step in 0..<1000 {
      let told = recipe.conditions(Self.labels, 0..<6, step: UInt32(step))
      for (image, label) in told.enumerated() {
        #expect(label == 3 || label == Self.labels[image])
        if label == 3 { hidden += 1 }
      }
      let parts = [0..<2, 2..<5, 5..<6].flatMap {
        recipe.conditions(Self.labels, $0, step: UInt32(step))
      }
      #expect(parts == told)
    }
    let deviation = (6000 * probability * (1 - probability)).squareRoot()
    #expect(abs(Double(hidden) - 6000 * probability) <= 4 * deviation)
  }
}
