internal import TensorCore

/// y = x·W + b on every row (pixel or image): a linear layer, or a 1×1 convolution.
struct Linear {
  /// O×I, or O×I×1×1, in files; I×O in memory.
  let weight: Parameter
  let bias: Parameter
  var outputs: Int { weight.shape[0] }

  init(
    _ name: String, inputs: Int, outputs: Int, pointwise: Bool = false, _ p: inout ParameterLayout
  ) {
    weight = p.add(
      name + ".weight", [outputs, inputs] + (pointwise ? [1, 1] : []), .uniform(fanIn: inputs))
    bias = p.add(name + ".bias", [outputs], .uniform(fanIn: inputs))
  }

  /// What a forward pass of so many rows costs.
  func operations(rows: Int) -> OperationCount { OperationCount(layers: 2 * weight.count * rows) }

  /// x: N×H×W×I; returns N×H×W×O.
  func forward(_ x: Tensor, _ pass: Pass) -> Tensor {
    let y = pass.arena.take(Shape(x.shape.n, x.shape.h, x.shape.w, outputs))
    fillRows(y, with: pass.weight(bias))
    pass.run(.linear, .forward, x.shape, outputs: outputs) {
      multiply(
        x.matrix, pass.weight(weight).matrix, into: y.matrix, accumulating: true,
        arena: pass.arena)
    }
    return y
  }

  /// Adds the parameters' gradients.
  func backwardParameters(_ dy: Tensor, x: Tensor, _ pass: Pass) {
    addColumnSums(dy, into: pass.gradient(bias))
    pass.run(.linear, .weightGradient, x.shape, outputs: outputs) {
      multiply(
        x.matrix.transposed, dy.matrix, into: pass.gradient(weight).matrix, accumulating: true,
        arena: pass.arena)
    }
  }

  /// Adds the parameters' gradients, and adds the input's gradient to dx.
  func backward(_ dy: Tensor, x: Tensor, addingInto dx: Tensor, _ pass: Pass) {
    backwardParameters(dy, x: x, pass)
    inputGradient(dy, into: dx, accumulating: true, pass)
  }

  /// Adds the parameters' gradients and returns the input's.
  func backward(_ dy: Tensor, x: Tensor, _ pass: Pass) -> Tensor {
    backwardParameters(dy, x: x, pass)
    let dx = pass.arena.take(x.shape)
    inputGradient(dy, into: dx, accumulating: false, pass)
    return dx
  }

  private func inputGradient(_ dy: Tensor, into dx: Tensor, accumulating: Bool, _ pass: Pass) {
    pass.run(.linear, .inputGradient, dx.shape, outputs: outputs) {
      multiply(
        dy.matrix, pass.weight(weight).matrix.transposed, into: dx.matrix,
        accumulating: accumulating, arena: pass.arena)
    }
  }
}
