internal import TensorCore

/// How a parameter of a new network is drawn; the distributions are PyTorch's defaults.
enum Initialization: Sendable, Equatable {
  case constant(Float)
  /// Uniform on ±1/√`fanIn` (He et al. 2015 with a = √5), for weights and biases alike.
  case uniform(fanIn: Int)
  /// N(0, 1), as embeddings are.
  case normal
}

extension Philox {
  /// The stream of a new network's weights; "image" counts parameters.
  static let initializationStream: UInt32 = 0x100
  /// The streams of dropout masks start here, one a layer.
  static let dropoutStreams: UInt32 = 0x1000
}

extension ParameterLayout {
  /// Draws a new network's weights into the flat buffer `weights`.
  func initialize(_ weights: Tensor, seed: UInt64) {
    let noise = Philox(seed: seed, stream: Philox.initializationStream)
    for (index, parameter) in parameters.enumerated() {
      let values = parameter.view(in: weights)
      switch parameter.initialization {
      case .constant(let value): fill(values, with: value)
      case .uniform(let fanIn):
        noise.fillUniform(values, step: 0, image: UInt32(index))
        let bound = 1 / Float(fanIn).squareRoot()
        for i in 0..<values.count {
          unsafe values.elements[i] = (2 * values.elements[i] - 1) * bound
        }
      case .normal: noise.fillNormal(values, step: 0, image: UInt32(index))
      }
    }
  }
}
