import ModelConfig
@testable import Models
import TensorCore
import Testing

/// Resnets, attention, and the down, mid and up blocks made of them: forward against the reference,
/// backward against its central differences.
@Suite struct BlockTests {
  struct Resnet: Sendable, CustomTestStringConvertible {
    var outputs = 4
    var timeScaleShift = TimeScaleShift.default
    var scaleFactor = 1.0
    var dropout = 0.0
    var testDescription: String {
      "4 to \(outputs), \(timeScaleShift), / \(scaleFactor), dropout \(dropout)"
    }
  }

  @Test(arguments: [
    Resnet(), Resnet(outputs: 6), Resnet(timeScaleShift: .scaleShift),
    Resnet(outputs: 6, timeScaleShift: .scaleShift, scaleFactor: 1.5),
    Resnet(scaleFactor: 2, dropout: 0.4), Resnet(outputs: 6, dropout: 0.4),
    Resnet(timeScaleShift: .scaleShift, dropout: 0.4),
  ])
  func resnet(_ variant: Resnet) {
    let config = smallConfig {
      $0.resnetTimeScaleShift = variant.timeScaleShift
      $0.dropout = variant.dropout
    }
    let test = LayerUnderTest {
      ResnetBlock(
        "r", inputs: 4, outputs: variant.outputs, embedding: 5, scaleFactor: variant.scaleFactor,
        config, &$0)
    }
    let (x, embedding) = (Planes.random(2, 4, 5, 3, seed: 1), Planes.random(2, 5, 1, 1, seed: 2))
    let g = Planes.random(2, variant.outputs, 5, 3, seed: 3)
    let pass = test.pass(dropout: DropoutNoise(seed: 1, step: 2, firstImage: 3))
    let (y, saved) = test.layer.forward(test.tensor(x), embedding: test.tensor(embedding), pass)

    // The mask, from what it did to the activations: none is small by chance.
    let kept = Planes(test.layer.normalized2(saved, pass))
    let all = Planes(test.layer.normalized2(saved, test.pass()))
    let mask = kept.with(zip(kept.values, all.values).map { $0 / $1 })
    let scale = 1 / (1 - variant.dropout)
    #expect(mask.values.allSatisfy { $0 == 0 || abs($0 - scale) < 1e-6 })
    #expect(mask.values.contains(0) == (variant.dropout > 0))
    func output(_ point: [String: [Double]]) -> Planes {
      var reference = ReferenceUNet(config, point)
      reference.dropoutMasks["r"] = mask.map { $0 == 0 ? 0 : scale }
      return reference.resnet(
        "r", point.planes("x", like: x), point.planes("embedding", like: embedding),
        scale: variant.scaleFactor)
    }
    let point = test.weightsByName.with(["x": x, "embedding": embedding])
    #expect(distance(y, output(point)) < 2e-6)

    let before = Planes.random(2, 5, 1, 1, seed: 4)
    let dEmbedding = test.tensor(before)
    let dx = test.layer.backward(
      test.tensor(g), saved, embedding: test.tensor(embedding), embeddingGradient: dEmbedding, pass)
    let added = Planes(dEmbedding) + before.map { -$0 }
    expectGradients(
      test.gradientsByName.with(["x": Planes(dx), "embedding": added]), at: point
    ) { output($0).dot(g) }
  }

  struct Attention: Sendable, CustomTestStringConvertible {
    var headDim: Int?
    var normalized = true
    var scaleFactor = 1.0
    var testDescription: String {
      "heads of \(headDim ?? 8), norm \(normalized), / \(scaleFactor)"
    }
  }

  @Test(arguments: [
    Attention(), Attention(headDim: 4), Attention(headDim: 2, scaleFactor: 1.5),
    Attention(headDim: 1, normalized: false), Attention(normalized: false, scaleFactor: 2),
  ])
  func attention(_ variant: Attention) {
    let config = smallConfig { $0.attentionHeadDim = variant.headDim }
    let test = LayerUnderTest {
      AttentionBlock(
        "a", channels: 8, normalized: variant.normalized, scaleFactor: variant.scaleFactor,
        config, &$0)
    }
    let (x, g) = (Planes.random(2, 8, 3, 5, seed: 1), Planes.random(2, 8, 3, 5, seed: 2))
    func output(_ point: [String: [Double]]) -> Planes {
      ReferenceUNet(config, point).attention(
        "a", point.planes("x", like: x), scale: variant.scaleFactor)
    }
    let point = test.weightsByName.with(["x": x])
    #expect((point["a.group_norm.weight"] != nil) == variant.normalized)
    let (y, saved) = test.layer.forward(test.tensor(x), test.pass())
    #expect(distance(y, output(point)) < 2e-6)
    let dx = test.layer.backward(test.tensor(g), saved, test.pass())
    expectGradients(test.gradientsByName.with(["x": Planes(dx)]), at: point) {
      output($0).dot(g)
    }
  }

  @Test(arguments: [
    (attention: false, downsampling: true, padding: 1),
    (attention: true, downsampling: true, padding: 0),
    (attention: true, downsampling: false, padding: 1),
  ])
  func downBlock(attention: Bool, downsampling: Bool, padding: Int) {
    let config = smallConfig {
      $0.layersPerBlock = 2
      $0.downsamplePadding = padding
      $0.attentionHeadDim = 2
    }
    let test = LayerUnderTest {
      DownBlock(
        "b", inputs: 6, outputs: 4, embedding: 5, attention: attention, downsampling: downsampling,
        config, &$0)
    }
    let (x, embedding) = (Planes.random(2, 6, 4, 6, seed: 1), Planes.random(2, 5, 1, 1, seed: 2))
    func outputs(_ point: [String: [Double]]) -> [Planes] {
      ReferenceUNet(config, point).downBlock(
        "b", point.planes("x", like: x), point.planes("embedding", like: embedding))
    }
    let point = test.weightsByName.with(["x": x, "embedding": embedding])
    let expected = outputs(point)
    var skips: [Tensor] = []
    let saved = test.layer.forward(
      test.tensor(x), embedding: test.tensor(embedding), skips: &skips, test.pass(),
      keeping: .activations)
    #expect(skips.count == expected.count)
    for (skip, expected) in zip(skips, expected) { #expect(distance(skip, expected) < 3e-6) }

    // The last output is used twice: as a skip and by what comes next.
    let gradients = expected.enumerated().map {
      Planes.random(2, 4, $1.h, $1.w, seed: UInt32(3 + $0))
    }
    let next = Planes.random(
      2, 4, expected[expected.count - 1].h, expected[expected.count - 1].w, seed: 9)
    let dEmbedding = test.tensor(embedding.map { _ in 0 })
    let earlier = test.tensor(Planes.random(1, 1, 1, 1, seed: 10))
    var skipGradients = [earlier] + gradients.map(test.tensor)
    let dx = test.layer.backward(
      test.tensor(next), saved, embedding: test.tensor(embedding), embeddingGradient: dEmbedding,
      skipGradients: &skipGradients, test.pass())
    #expect(skipGradients.count == 1)
    expectGradients(
      test.gradientsByName.with(["x": Planes(dx), "embedding": Planes(dEmbedding)]), at: point
    ) { point in
      let outputs = outputs(point)
      return zip(outputs, gradients).reduce(outputs[outputs.count - 1].dot(next)) {
        $0 + $1.0.dot($1.1)
      }
    }
  }

  @Test(arguments: [
    (attention: false, upsampling: true), (attention: true, upsampling: true),
    (attention: true, upsampling: false),
  ])
  func upBlock(attention: Bool, upsampling: Bool) throws {
    let config = smallConfig {
      $0.layersPerBlock = 1
      $0.attentionHeadDim = 2
    }
    let test = LayerUnderTest {
      UpBlock(
        "b", previous: 4, outputs: 4, skips: [6, 2], embedding: 5, attention: attention,
        upsampling: upsampling, config, &$0)
    }
    let (x, embedding) = (Planes.random(2, 4, 3, 5, seed: 1), Planes.random(2, 5, 1, 1, seed: 2))
    let skips = [Planes.random(2, 2, 3, 5, seed: 3), Planes.random(2, 6, 3, 5, seed: 4)]
    func output(_ point: [String: [Double]]) -> Planes {
      ReferenceUNet(config, point).upBlock(
        "b", point.planes("x", like: x),
        skips: [point.planes("skip 0", like: skips[0]), point.planes("skip 1", like: skips[1])],
        point.planes("embedding", like: embedding))
    }
    let point = test.weightsByName.with([
      "x": x, "embedding": embedding, "skip 0": skips[0],
      "skip 1": skips[1],
    ])
    let expected = output(point)
    let older = test.tensor(Planes.random(1, 1, 1, 1, seed: 5))
    var taken = [older] + skips.map(test.tensor)
    let (y, saved) = test.layer.forward(
      test.tensor(x), embedding: test.tensor(embedding), skips: &taken, test.pass(),
      keeping: .activations)
    #expect(taken.count == 1)
    #expect(distance(y, expected) < 3e-6)

    let g = Planes.random(2, 4, expected.h, expected.w, seed: 6)
    let dEmbedding = test.tensor(embedding.map { _ in 0 })
    var skipGradients: [Tensor] = []
    let dx = test.layer.backward(
      test.tensor(g), try #require(saved), embedding: test.tensor(embedding),
      embeddingGradient: dEmbedding,
      skipGradients: &skipGradients, test.pass())
    #expect(skipGradients.count == 2)
    var claimed = test.gradientsByName
    claimed["x"] = Planes(dx).values
    claimed["embedding"] = Planes(dEmbedding).values
    // Oldest first.
    for (i, gradient) in skipGradients.enumerated() {
      claimed["skip \(i)"] = Planes(gradient).values
    }
    expectGradients(claimed, at: point) { output($0).dot(g) }
  }

  @Test(arguments: [
    (attention: true, shift: TimeScaleShift.default, scaleFactor: 1.0),
    (attention: true, shift: .scaleShift, scaleFactor: 1.5),
    (attention: false, shift: .default, scaleFactor: 2),
  ])
  func midBlock(attention: Bool, shift: TimeScaleShift, scaleFactor: Double) {
    let config = smallConfig {
      $0.addAttention = attention
      $0.resnetTimeScaleShift = shift
      $0.midBlockScaleFactor = scaleFactor
      $0.attentionHeadDim = 2
    }
    let test = LayerUnderTest { MidBlock(channels: 4, embedding: 5, config, &$0) }
    let (x, embedding) = (Planes.random(2, 4, 3, 3, seed: 1), Planes.random(2, 5, 1, 1, seed: 2))
    let g = Planes.random(2, 4, 3, 3, seed: 3)
    func output(_ point: [String: [Double]]) -> Planes {
      ReferenceUNet(config, point).midBlock(
        point.planes("x", like: x), point.planes("embedding", like: embedding))
    }
    let point = test.weightsByName.with(["x": x, "embedding": embedding])
    let (y, saved) = test.layer.forward(
      test.tensor(x), embedding: test.tensor(embedding), test.pass(), keeping: .activations)
    #expect(distance(y, output(point)) < 3e-6)
    guard let saved else {
      Issue.record("nothing was kept for the backward pass")
      return
    }
    let dEmbedding = test.tensor(embedding.map { _ in 0 })
    let dx = test.layer.backward(
      test.tensor(g), saved, embedding: test.tensor(embedding), embeddingGradient: dEmbedding,
      test.pass())
    expectGradients(
      test.gradientsByName.with(["x": Planes(dx), "embedding": Planes(dEmbedding)]), at: point
    ) { output($0).dot(g) }
  }
}
