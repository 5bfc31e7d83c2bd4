import ArgumentParser
import ModelConfig
import ModelFiles
import Models
import TensorCore
import TensorFiles
import Training

/// A model's raw output for a given input, to compare with other implementations.
struct Prediction: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Write what a model's U-Net predicts for an input.")

  @Option(help: "A diffusers folder.")
  var model: String

  @Option(help: "A .npy file of float32, N×C×H×W.")
  var input: String

  @Option(help: "The timestep of every image, counted from 0.")
  var timestep: Int

  @Option(help: "The class of every image, a row of the class embedding; for networks with one.")
  var label: Int?

  @Option(help: "The .npy file to write, of the input's shape.")
  var output: String

  func run() throws {
    let folder = try DiffusersFolder(path: model)
    let unet = UNet(folder.unet)
    let weights = FloatBuffer(count: unet.layout.count)
    try folder.readWeights(into: weights.all, layout: unet.layout)

    let config = unet.config
    guard label.map((0..<(config.numClassEmbeds ?? 0)).contains) ?? (config.numClassEmbeds == nil)
    else {
      throw ValidationError(
        config.numClassEmbeds.map { "--label is to be 0 to \($0 - 1)" }
          ?? "--label is for class-conditional models")
    }
    let shape = [config.inChannels, config.sampleSize, config.sampleSize]
    let file = try NpyFile(path: input)
    guard file.holds(Float.self), Array(file.shape.dropFirst()) == shape else {
      throw ValidationError("--input is \(file.shape); float32 N×\(shape) is needed")
    }
    let x = FloatBuffer(count: shape.reduce(1, *))
    let y = FloatBuffer(count: x.count / config.inChannels * config.outChannels)
    let values = FloatBuffer(count: x.count)
    let imageShape = Shape(1, config.sampleSize, config.sampleSize, config.inChannels)
    let outputShape = Shape(1, config.sampleSize, config.sampleSize, config.outChannels)
    let denoiser = UNetDenoiser(unet, weights: weights.all)
    _ = try unsafe writeNpy(
      to: output, shape: [file.shape[0], config.outChannels] + shape.dropFirst()
    ) { (index, prediction: UnsafeMutableBufferPointer<Float>) throws(TensorFileError) in
      try unsafe file.read(from: index * x.count, into: values.all.elements)
      unsafe copy(
        channelsFirst: UnsafeBufferPointer(values.all.elements), into: x.tensor(at: 0, imageShape))
      denoiser.predict(
        x.tensor(at: 0, imageShape), timesteps: [timestep], labels: label.map { [$0] },
        into: y.tensor(at: 0, outputShape))
      unsafe copy(y.tensor(at: 0, outputShape), channelsFirst: prediction)
    }
  }
}
