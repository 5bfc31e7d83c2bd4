/// What a job's random numbers are for: each use has its own Philox stream under the job's seed.
///
/// No generator state exists. Numbers are named by (seed, stream, step, image), so that a resumed
/// job, another number of threads or another batch size draws the same ones. Values are part of
/// every result's bits and are never changed or reused.
public enum RandomStream: UInt32, CaseIterable, Sendable {
  /// t of a training image; counted by (optimizer step, image of the batch).
  case trainingTimestep = 1
  /// ε of a training image; counted by (optimizer step, image of the batch).
  case trainingNoise = 2
  /// x_T of a sampled image; counted by (0, image of the job).
  case initialNoise = 3
  /// z of a sampling step; counted by (position in the chain, image of the job).
  case samplerNoise = 4
  /// The order of the data; counted by the epoch.
  case shuffle = 5
  /// Whether a training image is mirrored; counted by (optimizer step, image of the batch).
  case flip = 6
  /// ε of an evaluated image; counted by (t, image of the data set).
  case evaluationNoise = 7
  /// t of a held-out pair; counted by (0, pair of the bank).
  case heldOutTimestep = 8
  /// ε of a held-out pair; counted by (0, pair of the bank).
  case heldOutNoise = 9
  /// Which images of a data set are held out.
  case heldOutSplit = 10
  /// Whether a training image's class is hidden; counted by (optimizer step, image of the batch).
  case labelDropout = 11
  /// t of a training image where it is drawn by importance; counted by (optimizer step, image of the
  /// batch).
  case importantTimestep = 12
  /// The noise that the two images of an interpolation share; counted by (0, row of the picture).
  case interpolationNoise = 13
  /// Further draws within a sampling step, such as the noise on known pixels in inpainting; counted
  /// by (4 · position in the chain + draw, image of the job).
  case furtherSamplerNoise = 14
  /// t of an evaluated image; counted by (part of the chain, image of the data set).
  case evaluationTimestep = 15
}
