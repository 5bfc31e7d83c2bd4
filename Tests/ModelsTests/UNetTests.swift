import ModelConfig
@testable import Models
import TensorCore
import Testing

/// What holds for a whole network whatever its weights are.
@Suite struct UNetTests {
  private static let config = smallConfig { $0.dropout = 0.3 }
  private let unet = UNet(config)
  private let weights: FloatBuffer
  private let images: FloatBuffer
  private let timesteps = [3, 500, 999]

  init() {
    weights = FloatBuffer(count: unet.layout.count)
    unet.initialize(weights.all, seed: 1)
    images = FloatBuffer(count: 3 * 64)
    Philox(seed: 2, stream: 0).fillNormal(images.all, step: 0, image: 0)
  }

  @Test(arguments: [(Preset.fashionMNIST28, 1_707_009, 318), (.cifar10, 35_746_307, 328)])
  func thePresetsHaveTheirPublishedSizes(preset: Preset, count: Int, tensors: Int) {
    let layout = UNet(preset.unet).layout
    #expect(layout.count == count)
    #expect(layout.parameters.count == tensors)
    #expect(Set(layout.parameters.map(\.name)).count == tensors)
    var end = 0
    for parameter in layout.parameters {
      #expect(parameter.offset == end)
      end += parameter.count
    }
    #expect(end == count)
  }

  @Test func predictingIsTrainingsForwardPass() {
    let predicted = predict(0..<3)
    let trained = train(0..<3, dropout: nil)
    #expect(predicted.map(\.bitPattern) == trained.output.map(\.bitPattern))
  }

  @Test func imagesTogetherAreImagesAlone() {
    let together = predict(0..<3).map(Double.init)
    for image in 0..<3 {
      let alone = predict(image..<image + 1).map(Double.init)
      #expect(alone == Array(together[image * 64..<(image + 1) * 64]))
    }
    let sum = train(0..<3, dropout: nil).gradients
    let parts = (0..<3).map { train($0..<$0 + 1, dropout: nil).gradients }
    let added = (0..<sum.count).map { parts[0][$0] + parts[1][$0] + parts[2][$0] }
    #expect(distance(sum, added) < 1e-6)
  }

  /// The same to the bit where Winograd's convolutions and several heads are used, for images at
  /// either end of a pass.
  @Test func imagesTogetherAreImagesAloneInAWideNetwork() {
    var config = Self.config
    config.sampleSize = 24
    config.blockOutChannels = [16, 48]
    config.attentionHeadDim = 8
    let wide = UNet(config)
    let flat = FloatBuffer(count: wide.layout.count)
    wide.initialize(flat.all, seed: 3)
    let size = 24 * 24
    let (x, y) = (FloatBuffer(count: 5 * size), FloatBuffer(count: 5 * size))
    Philox(seed: 4, stream: 0).fillNormal(x.all, step: 0, image: 0)
    func predict(_ images: Range<Int>) -> [UInt32] {
      let shape = Shape(images.count, 24, 24, 1)
      let output = y.tensor(at: images.lowerBound * size, shape)
      wide.predict(
        x.tensor(at: images.lowerBound * size, shape),
        timesteps: images.map { $0 * 200 }, weights: flat.all, arena: Arena(), into: output)
      return output.bits
    }
    let together = predict(0..<5)
    for image in 0..<5 {
      #expect(predict(image..<image + 1) == Array(together[image * size..<(image + 1) * size]))
    }
  }

  @Test func memoryIsConstantAfterTheFirstPass() {
    let arena = Arena()
    _ = train(0..<3, dropout: noise(0), arena: arena)
    let bytes = arena.bytes
    #expect(bytes > 0)
    for step in 1..<4 { _ = train(0..<3, dropout: noise(UInt32(step)), arena: arena) }
    #expect(arena.bytes == bytes)
    let inference = Arena()
    _ = predict(0..<3, arena: inference)
    let less = inference.bytes
    #expect(less < bytes)
    for _ in 0..<3 { _ = predict(0..<3, arena: inference) }
    #expect(inference.bytes == less)
  }

  /// The estimate against what a pass of one more image takes from the arena.
  @Test(arguments: [Preset.fashionMNIST28, .cifar10], [false, true])
  func activationsTakeTheMemoryThatIsExpected(preset: Preset, recomputing: Bool) {
    let config = preset.unet
    let unet = UNet(config)
    let (weights, gradients) = (
      FloatBuffer(count: unet.layout.count), FloatBuffer(count: unet.layout.count)
    )
    func bytes(_ images: Int) -> Int {
      let shape = Shape(images, config.sampleSize, config.sampleSize, config.inChannels)
      let arena = Arena()
      unet.train(
        FloatBuffer(count: shape.count).tensor(at: 0, shape),
        timesteps: Array(repeating: 0, count: images), weights: weights.all,
        gradients: gradients.all, arena: arena, dropout: nil, recomputing: recomputing
      ) { _, gradient in fill(gradient, with: 0) }
      return arena.peakBytes
    }
    let growth = Double(bytes(3) - bytes(2))
    let expected = Double(unet.activationBytes(recomputing: recomputing))
    #expect(growth / expected > 0.9)
    #expect(growth / expected < 1.6)
  }

  @Test(arguments: [Preset.fashionMNIST28, .cifar10])
  func predictionsTakeTheMemoryThatIsExpected(preset: Preset) {
    let config = preset.unet
    let unet = UNet(config)
    let weights = FloatBuffer(count: unet.layout.count)
    func bytes(_ images: Int) -> Int {
      let shape = Shape(images, config.sampleSize, config.sampleSize, config.inChannels)
      let (x, y) = (FloatBuffer(count: shape.count), FloatBuffer(count: shape.count))
      let arena = Arena()
      unet.predict(
        x.tensor(at: 0, shape), timesteps: Array(repeating: 0, count: images), weights: weights.all,
        arena: arena, into: y.tensor(at: 0, shape))
      return arena.bytes
    }
    let growth = Double(bytes(3) - bytes(2))
    #expect(growth / Double(unet.predictionBytes) > 0.8)
    #expect(growth / Double(unet.predictionBytes) < 1.25)
  }

  /// Counted by PyTorch's FlopCounterMode in diffusers' network with AttnProcessor.
  @Test(
    arguments: [(Preset.fashionMNIST28, 635_682_304), (.cifar10, 12_443_713_536)]
      as [(Preset, Int)])
  func operationsAreThoseThatPyTorchCounts(preset: Preset, total: Int) {
    #expect(UNet(preset.unet).operations.total == total)
  }

  /// Activation checkpointing, with dropout: masks must fall as before.
  @Test func recomputingChangesMemoryButNoBit() {
    let (plain, thrifty) = (Arena(), Arena())
    let first = train(0..<3, dropout: noise(5), arena: plain)
    let second = train(0..<3, dropout: noise(5), recomputing: true, arena: thrifty)
    #expect(first.output == second.output && first.gradients == second.gradients)
    #expect(thrifty.peakBytes < plain.peakBytes)
  }

  @Test func passesRepeatToTheBit() {
    let (first, second) = (train(0..<3, dropout: noise(5)), train(0..<3, dropout: noise(5)))
    #expect(first.output == second.output && first.gradients == second.gradients)
  }

  @Test func dropoutMasksDifferByStepSeedAndImage() {
    let plain = train(0..<1, dropout: nil).output
    let masked = [
      DropoutNoise(seed: 9, step: 0, firstImage: 0), DropoutNoise(seed: 9, step: 1, firstImage: 0),
      DropoutNoise(seed: 9, step: 0, firstImage: 1), DropoutNoise(seed: 8, step: 0, firstImage: 0),
    ].map { train(0..<1, dropout: $0).output }
    #expect(Set(masked + [plain]).count == 5)
  }

  /// A shard's masks are those of its images in the whole batch.
  @Test func dropoutMasksDoNotDependOnTheSplitIntoShards() {
    let whole = train(0..<3, dropout: noise(4))
    for split in 1..<3 {
      let parts = [
        train(0..<split, dropout: DropoutNoise(seed: 9, step: 4, firstImage: 0)),
        train(split..<3, dropout: DropoutNoise(seed: 9, step: 4, firstImage: UInt32(split))),
      ]
      let output = (parts[0].output + parts[1].output).map(Double.init)
      #expect(distance(output, whole.output.map(Double.init)) < 1e-6)
      #expect(distance(zip(parts[0].gradients, parts[1].gradients).map(+), whole.gradients) < 1e-6)
    }
  }

  @Test func initialWeightsArePyTorchsDistributions() {
    let flat = FloatBuffer(count: unet.layout.count)
    unet.initialize(flat.all, seed: 7)
    for parameter in unet.layout.parameters {
      let values = parameter.view(in: flat.all).doubles
      if parameter.name.contains("norm") {
        #expect(values.allSatisfy { $0 == (parameter.name.hasSuffix("weight") ? 1 : 0) })
      } else {
        let weight = parameter.name.replacing(/bias$/, with: "weight")
        let shape = unet.layout.parameters.first { $0.name == weight }?.shape ?? []
        let bound = 1 / Double(shape.dropFirst().reduce(1, *)).squareRoot()
        #expect(values.allSatisfy { abs($0) <= bound * (1 + 1e-6) })
        let square = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        // Of a uniform distribution, bound²/3 and a variance of 4/45·bound⁴.
        let deviation = 0.3 * bound * bound / Double(values.count).squareRoot()
        #expect(abs(square - bound * bound / 3) < 5 * deviation, "\(parameter.name)")
      }
    }
    #expect(flat.all.bits != weights.all.bits)
    unet.initialize(flat.all, seed: 1)
    #expect(flat.all.bits == weights.all.bits)
  }

  /// PyTorch's `nn.Embedding` draws from N(0, 1).
  @Test func initialClassEmbeddingsAreNormal() throws {
    let unet = UNet(smallConfig { $0.numClassEmbeds = 500 })
    let flat = FloatBuffer(count: unet.layout.count)
    unet.initialize(flat.all, seed: 7)
    let table = try #require(
      unet.layout.parameters.first { $0.name == "class_embedding.weight" })
    #expect(table.shape == [500, 16])
    let values = table.view(in: flat.all).doubles
    let count = Double(values.count)
    #expect(abs(values.reduce(0, +) / count) < 5 / count.squareRoot())
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / count - 1) < 5 * (2 / count).squareRoot())
  }

  private func noise(_ step: UInt32) -> DropoutNoise {
    DropoutNoise(seed: 9, step: step, firstImage: 0)
  }

  private func predict(_ range: Range<Int>, arena: Arena = Arena()) -> [Float] {
    let output = FloatBuffer(count: range.count * 64)
    let tensor = output.tensor(at: 0, Shape(range.count, 8, 8, 1))
    unet.predict(
      images.tensor(at: 0, Shape(3, 8, 8, 1)).images(range), timesteps: Array(timesteps[range]),
      weights: weights.all, arena: arena, into: tensor)
    return output.all.floats
  }

  /// A pass whose loss is half the sum of the output's squares.
  private func train(
    _ range: Range<Int>, dropout: DropoutNoise?, recomputing: Bool = false,
    arena: Arena = Arena()
  ) -> (output: [Float], gradients: [Double]) {
    let gradients = FloatBuffer(count: unet.layout.count)
    var output: [Float] = []
    unet.train(
      images.tensor(at: 0, Shape(3, 8, 8, 1)).images(range), timesteps: Array(timesteps[range]),
      weights: weights.all, gradients: gradients.all, arena: arena, dropout: dropout,
      recomputing: recomputing
    ) {
      output = $0.floats
      copy($0, into: $1)
    }
    return (output, gradients.all.doubles)
  }
}
