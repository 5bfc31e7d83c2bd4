@testable import ModelConfig
@testable import Models
import TensorCore
import Testing

/// A layer with random weights, between diffusers' order of things and the layer's own.
@safe final class LayerUnderTest<Layer> {
  let layer: Layer
  let arena = Arena()
  private let layout: ParameterLayout
  private let weights: FloatBuffer
  private let gradients: FloatBuffer
  private let gradientsBefore: FloatBuffer

  init(_ make: (inout ParameterLayout) -> Layer) {
    var layout = ParameterLayout()
    layer = make(&layout)
    self.layout = layout
    weights = FloatBuffer(count: layout.count)
    gradients = FloatBuffer(count: layout.count)
    gradientsBefore = FloatBuffer(count: layout.count)
    let noise = Philox(seed: 42, stream: 0)
    noise.fillNormal(weights.all, step: 0, image: 0)
    scale(weights.all, by: 0.5)
    // Backward passes add to what is there.
    noise.fillNormal(gradientsBefore.all, step: 1, image: 0)
    copy(gradientsBefore.all, into: gradients.all)
  }

  func pass(dropout: DropoutNoise? = nil) -> Pass {
    Pass(
      weights: weights.all, gradients: gradients.all, arena: arena, dropout: dropout, profile: nil)
  }

  /// A tensor of the arena, N×H×W×C, for the layer to take over.
  func tensor(_ planes: Planes) -> Tensor {
    let tensor = arena.take(planes.shape)
    planes.copy(to: tensor)
    return tensor
  }

  /// The weights by diffusers' names.
  var weightsByName: [String: [Double]] { layout.valuesByName(weights.all) }

  /// What the backward pass has added, by diffusers' names.
  var gradientsByName: [String: [Double]] {
    let before = layout.valuesByName(gradientsBefore.all)
    return layout.valuesByName(gradients.all).merging(before) { zip($0, $1).map(-) }
  }
}

extension ParameterLayout {
  /// A flat buffer's values in diffusers' order.
  func valuesByName(_ flat: Tensor) -> [String: [Double]] {
    var values: [String: [Double]] = [:]
    for parameter in parameters {
      var exported = [Float](repeating: .nan, count: parameter.count)
      unsafe exported.withUnsafeMutableBufferPointer {
        unsafe export(parameter, from: flat, into: $0)
      }
      values[parameter.name] = exported.map(Double.init)
    }
    return values
  }
}

/// ‖actual − expected‖ / ‖expected‖ in the Euclidean norm; infinite where sizes differ or a value is
/// not a number.
func distance(_ actual: [Double], _ expected: [Double], relativeTo scale: [Double]? = nil) -> Double
{
  guard actual.count == expected.count else { return .infinity }
  let error = norm(zip(actual, expected).map(-))
  return error == 0 ? 0 : error.isNaN ? .infinity : error / norm(scale ?? expected)
}

func distance(_ actual: Tensor, _ expected: Planes) -> Double {
  actual.shape == expected.shape ? distance(Planes(actual).values, expected.values) : .infinity
}

func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// Expects every array of `gradients` to be the gradient of `loss` at `point` with respect to the
/// array of that name, to a relative error of 2e-5 in the Euclidean norm (float32 leaves a quarter).
///
/// The error is estimated from central differences along random normal directions: the mean square
/// of a vector's product with them is its square. The gradients of queries and keys are differences
/// of numbers that nearly cancel, down to the key's bias, whose gradient is zero because softmax is
/// blind to it; their errors are relative to the gradient of the value's weight.
func expectGradients(
  _ gradients: [String: [Double]], at point: [String: [Double]],
  sourceLocation: SourceLocation = #_sourceLocation, of loss: ([String: [Double]]) -> Double
) {
  #expect(Set(gradients.keys) == Set(point.keys), sourceLocation: sourceLocation)
  let (directions, step) = (3, 1e-5)
  for (index, (name, gradient)) in gradients.sorted(by: { $0.key < $1.key }).enumerated() {
    let values = point[name] ?? []
    var squares = 0.0
    for k in 0..<directions {
      let direction = Planes.random(
        1, gradient.count, 1, 1, seed: UInt32(10_000 + directions * index + k)
      ).values
      func value(_ step: Double) -> Double {
        loss(point.merging([name: zip(values, direction).map { $0 + step * $1 }]) { $1 })
      }
      let slope = (value(step) - value(-step)) / (2 * step)
      let claimed = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
      squares += (slope - claimed) * (slope - claimed)
    }
    let scale = gradients[name.replacing(/to_[qk]\.(weight|bias)$/, with: "to_v.weight")]
    let error = (squares / Double(directions)).squareRoot() / norm(scale ?? [])
    #expect(error < 2e-5, "gradient of \(name)", sourceLocation: sourceLocation)
  }
}

/// The name of the weight beside a key's bias.
func keyWeight(_ bias: String) -> String { bias.dropLast("bias".count) + "weight" }

/// A configuration whose widths are small.
func smallConfig(_ change: (inout UNetConfig) -> Void = { _ in }) -> UNetConfig {
  var config = UNetConfig()
  config.sampleSize = 8
  config.inChannels = 1
  config.outChannels = 1
  config.blockOutChannels = [4, 8]
  config.downBlockTypes = [.down, .attentionDown]
  config.upBlockTypes = [.attentionUp, .up]
  config.layersPerBlock = 1
  config.normNumGroups = 2
  config.attentionHeadDim = 4
  change(&config)
  return config
}
