/// The sets of weights that an evaluate job scores. The folder of a trained model has two, the
/// averaged ones in the folder itself and the plain ones in `raw/`; another model's folder has one.

import Diffusion
import DurableIO
import GuardedFiles
import Jobs
import ModelFiles
import Models
import TensorCore
import Training

/// One set of weights, ready to be asked.
struct EvaluatedModel {
  /// `ema` or `raw`; `model` where there is one set only.
  let name: String
  /// One for each thread.
  let denoisers: [any Denoiser]
  private let weights: FloatBuffer

  /// The inputs of a job, with the weights that it wants.
  static func settleInputs(
    of spec: EvaluateSpec, in directory: JobDirectory, _ access: FileAccess
  ) throws(JobFailure) -> JobInputs {
    try JobInputs.settled(model: spec.model, in: directory, access) { inputs in
      let hasPlain = try inputs.hasFolder("raw")
      try spec.checkWeights(hasPlain: hasPlain)
      guard hasPlain else { return [:] }
      guard (spec.weights ?? [.raw]).contains(.raw) else { return [:] }
      let files = try inputs.folder("raw").weightFiles
      return Dictionary(
        uniqueKeysWithValues: files.enumerated().map {
          ($0 == 0 ? JobInputs.rawWeights : "\(JobInputs.rawWeights)_\($0)", $1)
        })
    }
  }

  /// The names of the weights that a job with these inputs scores.
  static func names(_ spec: EvaluateSpec, _ inputs: JobInputs) -> [String] {
    spec.weights?.map(\.rawValue)
      ?? (inputs.files[JobInputs.rawWeights] == nil ? ["model"] : ["ema", "raw"])
  }

  /// Reads the weights of that name.
  init(_ name: String, _ inputs: JobInputs, _ unet: UNet, threads: Int) throws(JobFailure) {
    self.name = name
    let weights = FloatBuffer(count: unet.layout.count)
    try attempt {
      try inputs.folder(name == "raw" ? name : nil)
        .readWeights(into: weights.all, layout: unet.layout)
    }
    self.weights = weights
    denoisers = (0..<threads).map { _ in UNetDenoiser(unet, weights: weights.all) }
  }
}
