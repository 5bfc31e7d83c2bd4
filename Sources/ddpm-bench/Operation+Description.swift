import Models
import TensorCore

extension Operation {
  /// The kind of operation, without its shape.
  var kindDescription: String {
    let layer =
      switch kind {
      case .convolution(.same3x3): "3×3 convolution"
      case .convolution(let geometry):
        "\(geometry.kernel)×\(geometry.kernel) convolution, stride \(geometry.stride)"
      case .linear: "linear and 1×1"
      case .groupNorm: "group norm"
      case .attention: "attention"
      }
    return "\(layer), \(directionDescription)"
  }

  /// The operation with its shape.
  var description: String {
    "\(kindDescription), \(input.n)×\(input.h)×\(input.w)×\(input.c) to \(outputs)"
  }

  private var directionDescription: String {
    switch direction {
    case .forward: "forward"
    case .inputGradient: "input gradient"
    case .weightGradient: "weight gradient"
    case .backward: "backward"
    }
  }

  /// Multiplications and additions as the definition counts them, whatever the method saves; 0
  /// where memory is the limit.
  var flops: Double {
    switch kind {
    case .convolution(let geometry):
      let output = geometry.output(input, channels: outputs)
      return 2 * Double(output.count * geometry.kernel * geometry.kernel * input.c)
    case .linear: return 2 * Double(input.count * outputs)
    case .groupNorm: return 0
    case .attention:
      // Forward 2 products of all pixels with all; backward 4, and the forward one made again.
      let products = direction == .forward ? 2.0 : 5.0
      return products * 2 * Double(input.count * input.h * input.w)
    }
  }
}
