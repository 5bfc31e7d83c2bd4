import ArgumentParser
import Models
import TensorCore
import Training

/// Every different convolution of a U-Net alone, by both methods: what the rule that chooses
/// between them rests on.
struct OperationsBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ops", abstract: "Time each convolution of a U-Net by both methods.")

  @OptionGroup var network: NetworkOptions

  @Option(help: "Images in a pass.")
  var images = 8

  @Option(name: .customLong("repeat"), help: "Measurements; the fastest counts.")
  var repetitions = 10

  func validate() throws {
    guard images > 0, repetitions > 0 else {
      throw ValidationError("--images and --repeat are 1 or more")
    }
  }

  func run() throws {
    let profile = Profile()
    TrialPasses(UNet(try network.architecture()), images: images).train(profile)
    print("\(Kernels.inUse) kernels, one thread; ms, GFLOP/s by the definition's operations")
    let operations = profile.entries.keys.sorted {
      ($0.input.count, $0.description) > ($1.input.count, $1.description)
    }
    for operation in operations {
      guard case .convolution(let geometry) = operation.kind else { continue }
      let bench = ConvolutionBench(operation, geometry)
      let (fastest, im2col) = (
        bench.seconds(.fastest, repetitions), bench.seconds(.im2col, repetitions)
      )
      print(
        "\(speed(operation, fastest)) by the rule, \(speed(operation, im2col)) by im2col  \(operation.description)"
      )
    }
  }

  private func speed(_ operation: Operation, _ seconds: Double) -> String {
    "\((seconds * 1e5).rounded() / 100) ms (\(Int(operation.flops / seconds / 1e9)))"
  }
}

/// One convolution's operands, all zeros.
private struct ConvolutionBench {
  private let operation: Operation
  private let geometry: ConvolutionGeometry
  private let x: FloatBuffer
  private let y: FloatBuffer
  private let weights: FloatBuffer
  private let arena = Arena()

  init(_ operation: Operation, _ geometry: ConvolutionGeometry) {
    self.operation = operation
    self.geometry = geometry
    x = FloatBuffer(count: operation.input.count)
    y = FloatBuffer(count: geometry.output(operation.input, channels: operation.outputs).count)
    weights = FloatBuffer(
      count: geometry.kernel * geometry.kernel * operation.input.c * operation.outputs)
  }

  /// The fastest of so many runs after one to warm up.
  func seconds(_ method: ConvolutionMethod, _ repetitions: Int) -> Double {
    run(method)
    return (0..<repetitions).map { _ in
      ContinuousClock().measure { run(method) } / .seconds(1)
    }.min() ?? 0
  }

  private func run(_ method: ConvolutionMethod) {
    let outputs = operation.outputs
    let x = x.tensor(at: 0, operation.input)
    let y = y.tensor(at: 0, geometry.output(operation.input, channels: outputs))
    let weights = weights.tensor(
      at: 0, Shape(rows: weights.count / outputs, columns: outputs))
    switch operation.direction {
    case .forward, .backward:
      convolve(x, weights: weights, geometry, into: y, arena: arena, method: method)
    case .inputGradient:
      convolveInputGradient(y, weights: weights, geometry, into: x, arena: arena, method: method)
    case .weightGradient:
      convolveWeightGradient(x, y, geometry, into: weights, arena: arena, method: method)
    }
  }
}
