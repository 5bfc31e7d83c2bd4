internal import TensorCore

/// A k×k convolution with bias.
struct Convolution {
  /// O×I×k×k in files, k×k×I×O in memory.
  let weight: Parameter
  let bias: Parameter
  let geometry: ConvolutionGeometry
  var outputs: Int { weight.shape[0] }

  init(
    _ name: String, inputs: Int, outputs: Int, _ geometry: ConvolutionGeometry,
    _ p: inout ParameterLayout
  ) {
    self.geometry = geometry
    let k = geometry.kernel
    let initialization = Initialization.uniform(fanIn: inputs * k * k)
    weight = p.add(name + ".weight", [outputs, inputs, k, k], initialization)
    bias = p.add(name + ".bias", [outputs], initialization)
  }

  /// What a forward pass to so many pixels costs.
  func operations(pixels: Int) -> OperationCount {
    OperationCount(layers: 2 * weight.count * pixels)
  }

  /// x: N×H×W×I; returns N×H′×W′×O. `offset` (N×O), if given, is added to every pixel of its image.
  func forward(_ x: Tensor, offset: Tensor? = nil, _ pass: Pass) -> Tensor {
    let y = pass.arena.take(geometry.output(x.shape, channels: outputs))
    if let offset {
      let rows = pass.arena.take(offset.shape)
      fillRows(rows, with: pass.weight(bias))
      add(offset, into: rows)
      fillRows(y, with: rows)
      pass.arena.recycle(rows)
    } else {
      fillRows(y, with: pass.weight(bias))
    }
    pass.run(.convolution(geometry), .forward, x.shape, outputs: outputs) {
      convolve(x, weights: pass.weight(weight), geometry, into: y, arena: pass.arena)
    }
    return y
  }

  /// Adds the parameters' gradients.
  func backwardParameters(_ dy: Tensor, x: Tensor, _ pass: Pass) {
    addColumnSums(dy, into: pass.gradient(bias))
    pass.run(.convolution(geometry), .weightGradient, x.shape, outputs: outputs) {
      convolveWeightGradient(x, dy, geometry, into: pass.gradient(weight), arena: pass.arena)
    }
  }

  /// Adds the parameters' gradients and returns the input's.
  func backward(_ dy: Tensor, x: Tensor, _ pass: Pass) -> Tensor {
    backwardParameters(dy, x: x, pass)
    let dx = pass.arena.take(x.shape)
    pass.run(.convolution(geometry), .inputGradient, x.shape, outputs: outputs) {
      convolveInputGradient(
        dy, weights: pass.weight(weight), geometry, into: dx, arena: pass.arena)
    }
    return dx
  }
}
