/// Networks to and from diffusers' folders: where a network's layout in memory meets its file.

public import ModelConfig
public import ModelFiles
public import Models
public import TensorCore
import TensorFiles

extension DiffusersFolder {
  /// Reads the network's weights into `weights`, flat, in the layout of `UNet(self.unet)`.
  public func readWeights(into weights: Tensor, layout: ParameterLayout) throws(ModelFileError) {
    let parameters = layout.parameters
    try unsafe readWeights(parameters.map { ($0.name, $0.shape) }) { index, values in
      unsafe layout.load(parameters[index], from: values, into: weights)
    }
  }

  /// Writes a network with these weights, its noise schedule and what its classes are called, if it
  /// has any, as a model folder.
  public static func write(
    to path: String, unet: UNet, weights: Tensor, scheduler: SchedulerConfig,
    classes: ModelClasses? = nil
  ) throws(ModelFileError) {
    let layout = unet.layout
    try write(
      to: path, unet: unet.config, scheduler: scheduler,
      tensors: layout.parameters.map { parameter in
        unsafe SafetensorsTensor(name: parameter.name, shape: parameter.shape) { values in
          unsafe layout.export(parameter, from: weights, into: values)
        }
      })
    do {
      try classes?.write(to: path)
    } catch {
      throw .system(error)
    }
  }
}
