import Glibc
@testable import Models
import TensorCore
import Testing

/// Whole networks against diffusers and PyTorch's autograd in float64.
///
/// The measure is ‖ours − PyTorch's‖ / ‖PyTorch's‖ in the Euclidean norm, for the output and for
/// every parameter's gradient by itself; 1e-5 is allowed. One kind of tensor is measured otherwise:
/// the gradient of a key's bias is zero, because softmax is blind to what that adds to a row of
/// scores, and its error is relative to the norm of the gradient of the key's weight.
@Suite struct GoldenUNetTests {
  @Test(arguments: Golden.names)
  func outputAndGradients(name: String) throws { try check(name) }

  /// The same in each build of the kernels by each way of convolving, in a process of its own that the
  /// environment tells which to use.
  @Test(arguments: Kernels.available.map(\.name), ConvolutionMethod.allCases)
  func inEveryBuild(kernels: String, method: ConvolutionMethod) async {
    await #expect(processExitsWith: .success) { [kernels, method = method.rawValue as String] in
      unsafe setenv("DDPM_KERNELS", kernels, 1)
      unsafe setenv("DDPM_CONVOLUTIONS", method, 1)
      #expect(Kernels.active.name == kernels)
      #expect(ConvolutionMethod.active.rawValue == method)
      for name in Golden.names { try GoldenUNetTests().check(name) }
    }
  }

  private func check(_ name: String) throws {
    let golden = try Golden(name)
    let layout = golden.unet.layout
    let (weights, gradients) = (
      FloatBuffer(count: layout.count), FloatBuffer(count: layout.count)
    )
    try golden.loadWeights(into: weights.all)
    let (x, outputGradient) = (try golden.planes("x"), try golden.planes("output_gradient"))
    let input = FloatBuffer(count: x.values.count)
    let inputTensor = input.tensor(at: 0, x.shape)
    x.copy(to: inputTensor)
    var output: Planes?
    golden.unet.train(
      inputTensor, timesteps: try golden.timesteps(), labels: try golden.labels(),
      weights: weights.all, gradients: gradients.all, arena: Arena(), dropout: nil
    ) {
      output = Planes($0)
      outputGradient.copy(to: $1)
    }
    #expect(distance(output?.values ?? [], try golden.planes("output").values) < 1e-5)
    let ours = layout.valuesByName(gradients.all)
    for parameter in layout.parameters {
      let name = parameter.name
      let expected = try golden.values("gradient." + name).map(Double.init)
      let scale =
        name.hasSuffix("to_k.bias")
        ? try golden.values("gradient." + keyWeight(name)).map(Double.init) : expected
      #expect(distance(ours[name] ?? [], expected, relativeTo: scale) < 1e-5, "gradient of \(name)")
    }
  }

  @Test(arguments: Golden.names)
  func namesAndShapesAreDiffusers(name: String) throws {
    let golden = try Golden(name)
    let parameters = golden.unet.layout.parameters
    let ours = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.shape) })
    #expect(ours == golden.shapes("weight."))
    #expect(ours == golden.shapes("gradient."))
  }

  /// Loaded and exported again, every parameter is what it was, and none touches another.
  @Test(arguments: Golden.names)
  func loadingAndExportingAreInverse(name: String) throws {
    let golden = try Golden(name)
    let flat = FloatBuffer(count: golden.unet.layout.count)
    fill(flat.all, with: .nan)
    try golden.loadWeights(into: flat.all)
    #expect(flat.all.floats.allSatisfy { !$0.isNaN })
    let exported = golden.unet.layout.valuesByName(flat.all)
    for parameter in golden.unet.layout.parameters {
      #expect(
        exported[parameter.name] == (try golden.values("weight." + parameter.name)).map(Double.init)
      )
    }
  }

  /// What the layers are tested against is itself diffusers' network.
  @Test(arguments: Golden.names)
  func theReferenceIsDiffusersToo(name: String) throws {
    let golden = try Golden(name)
    var weights: [String: [Double]] = [:]
    for name in golden.shapes("weight.").keys {
      weights[name] = try golden.values("weight." + name).map(Double.init)
    }
    let output = ReferenceUNet(golden.unet.config, weights).output(
      try golden.planes("x"), timesteps: try golden.timesteps(), labels: try golden.labels())
    // diffusers' sinusoids are float32.
    #expect(distance(output.values, try golden.planes("output").values) < 1e-5)
  }
}
