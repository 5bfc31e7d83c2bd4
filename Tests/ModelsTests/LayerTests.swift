import ModelConfig
@testable import Models
import TensorCore
import Testing

/// Linear layers, convolutions, norms and the timestep's embedding: forward against the reference,
/// backward against its central differences.
@Suite struct LayerTests {
  @Test(arguments: [false, true])
  func linear(pointwise: Bool) {
    let test = LayerUnderTest { Linear("l", inputs: 5, outputs: 7, pointwise: pointwise, &$0) }
    let (x, g) = (Planes.random(2, 5, 3, 4, seed: 1), Planes.random(2, 7, 3, 4, seed: 2))
    let y = test.layer.forward(test.tensor(x), test.pass())
    #expect(distance(y, ReferenceUNet(smallConfig(), test.weightsByName).linear("l", x)) < 1e-6)

    let dx = test.layer.backward(test.tensor(g), x: test.tensor(x), test.pass())
    let gradients = test.gradientsByName.with(["x": Planes(dx)])
    expectGradients(
      gradients, at: test.weightsByName.with(["x": x])
    ) { point in
      ReferenceUNet(smallConfig(), point).linear("l", point.planes("x", like: x)).dot(g)
    }
    // Once more, on top of what is there.
    let (before, sum) = (Planes.random(2, 5, 3, 4, seed: 3), test.gradientsByName)
    let accumulated = test.tensor(before)
    test.layer.backward(test.tensor(g), x: test.tensor(x), addingInto: accumulated, test.pass())
    #expect(distance(accumulated, before + Planes(dx)) < 1e-6)
    for (name, gradient) in test.gradientsByName {
      #expect(distance(gradient, (sum[name] ?? []).map { 2 * $0 }) < 1e-6)
    }
  }

  @Test(arguments: [
    ConvolutionGeometry.same3x3,
    ConvolutionGeometry(kernel: 3, stride: 2, paddingBefore: 0, paddingAfter: 1),
    ConvolutionGeometry(kernel: 3, stride: 2, paddingBefore: 1, paddingAfter: 1),
    ConvolutionGeometry(kernel: 1, paddingBefore: 0, paddingAfter: 0),
  ])
  func convolution(geometry: ConvolutionGeometry) {
    let test = LayerUnderTest { Convolution("c", inputs: 3, outputs: 5, geometry, &$0) }
    let x = Planes.random(2, 3, 6, 4, seed: 1)
    func output(_ weights: [String: [Double]], _ x: Planes) -> Planes {
      ReferenceUNet(smallConfig(), weights).convolution(
        "c", x, stride: geometry.stride, before: geometry.paddingBefore,
        after: geometry.paddingAfter)
    }
    let expected = output(test.weightsByName, x)
    #expect(distance(test.layer.forward(test.tensor(x), test.pass()), expected) < 1e-6)

    let offset = Planes.random(2, 5, 1, 1, seed: 2)
    let y = test.layer.forward(test.tensor(x), offset: test.tensor(offset), test.pass())
    let pixels = expected.h * expected.w
    let shifted = expected.values.enumerated().map {
      $0.element + offset.values[$0.offset / pixels]
    }
    #expect(distance(y, expected.with(shifted)) < 1e-6)

    let g = Planes.random(2, 5, expected.h, expected.w, seed: 3)
    let dx = test.layer.backward(test.tensor(g), x: test.tensor(x), test.pass())
    expectGradients(
      test.gradientsByName.with(["x": Planes(dx)]),
      at: test.weightsByName.with(["x": x])
    ) { output($0, $0.planes("x", like: x)).dot(g) }
  }

  @Test(arguments: [false, true])
  func groupNormalization(silu: Bool) {
    let config = smallConfig { $0.normNumGroups = 3 }
    let test = LayerUnderTest {
      GroupNormalization(
        "n", channels: 6, groups: 3, epsilon: config.normEps, silu: silu, &$0)
    }
    let (x, g) = (Planes.random(2, 6, 3, 5, seed: 1), Planes.random(2, 6, 3, 5, seed: 2))
    func output(_ weights: [String: [Double]], _ x: Planes) -> Planes {
      let reference = ReferenceUNet(config, weights)
      let y = reference.groupNorm("n", x)
      return silu ? reference.silu(y) : y
    }
    let (y, saved) = test.layer.forward(test.tensor(x), test.pass())
    #expect(distance(y, output(test.weightsByName, x)) < 1e-6)

    let gradient = test.tensor(g)
    test.layer.backward(gradient, x: test.tensor(x), saved, test.pass())
    expectGradients(
      test.gradientsByName.with(["x": Planes(gradient)]),
      at: test.weightsByName.with(["x": x])
    ) { output($0, $0.planes("x", like: x)).dot(g) }
  }

  /// norm(x)·(1 + scale) + shift, then SiLU.
  @Test func groupNormalizationWithScaleAndShift() {
    let config = smallConfig { $0.normNumGroups = 3 }
    let test = LayerUnderTest {
      GroupNormalization("n", channels: 6, groups: 3, epsilon: config.normEps, silu: true, &$0)
    }
    let (x, g) = (Planes.random(2, 6, 3, 5, seed: 1), Planes.random(2, 6, 3, 5, seed: 2))
    let modulation = Planes.random(2, 12, 1, 1, seed: 3)
    func output(_ point: [String: [Double]]) -> Planes {
      let reference = ReferenceUNet(config, point)
      let normal = reference.groupNorm("n", point.planes("x", like: x))
      let time = point.planes("modulation", like: modulation).values
      return reference.silu(
        normal.with(
          normal.values.enumerated().map { i, value in
            let (image, channel) = (i / 90, i / 15 % 6)
            return value * (1 + time[image * 12 + channel]) + time[image * 12 + 6 + channel]
          }))
    }
    let point = test.weightsByName.with(["x": x, "modulation": modulation])
    let scaleShift = test.tensor(modulation)
    let (y, saved) = test.layer.forward(test.tensor(x), scaleShift: scaleShift, test.pass())
    #expect(distance(y, output(point)) < 1e-6)

    let gradient = test.tensor(g)
    let dModulation = test.layer.backward(
      gradient, x: test.tensor(x), saved, scaleShift: scaleShift, test.pass())
    expectGradients(
      test.gradientsByName.with(["x": Planes(gradient), "modulation": Planes(dModulation)]),
      at: point
    ) { output($0).dot(g) }
  }

  /// Angles are float32 in diffusers, hence 1e-4 for the sinusoids of t = 999.
  @Test(arguments: [(0, true), (1, true), (0, false), (1, false)])
  func timestepEmbedding(freqShift: Int, flipSinToCos: Bool) {
    let config = smallConfig {
      $0.blockOutChannels = [6, 8]
      $0.freqShift = freqShift
      $0.flipSinToCos = flipSinToCos
    }
    let test = LayerUnderTest { TimestepEmbedding(config, &$0) }
    #expect(test.layer.outputs == 24)
    for (timesteps, tolerance) in [([0, 1, 3], 1e-6), ([999, 17], 1e-4)] {
      let (y, _) = test.layer.forward(timesteps, test.pass())
      let expected = ReferenceUNet(config, test.weightsByName).timeEmbedding(timesteps)
      #expect(distance(y, expected) < tolerance)
    }
    let (timesteps, g) = ([0, 1, 3], Planes.random(3, 24, 1, 1, seed: 1))
    let (_, saved) = test.layer.forward(timesteps, test.pass())
    test.layer.backward(test.tensor(g), saved, test.pass())
    expectGradients(test.gradientsByName, at: test.weightsByName) {
      ReferenceUNet(config, $0).timeEmbedding(timesteps).dot(g)
    }
  }

  @Test func classEmbedding() {
    let test = LayerUnderTest { ClassEmbedding(classes: 4, channels: 6, &$0) }
    let (labels, time) = ([2, 0, 2], Planes.random(3, 6, 1, 1, seed: 1))
    func output(_ weights: [String: [Double]]) -> Planes {
      time + ReferenceUNet(smallConfig(), weights).classEmbedding(labels, channels: 6)
    }
    let embedding = test.tensor(time)
    test.layer.add(labels, into: embedding, test.pass())
    #expect(distance(embedding, output(test.weightsByName)) < 1e-6)

    let g = Planes.random(3, 6, 1, 1, seed: 2)
    test.layer.backward(test.tensor(g), labels: labels, test.pass())
    expectGradients(test.gradientsByName, at: test.weightsByName) { output($0).dot(g) }
  }
}
