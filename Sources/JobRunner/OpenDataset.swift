import Datasets
import GuardedFiles
import Jobs
import ModelConfig
import TensorCore

/// The images that a job is about, in the size that its network wants.
///
/// - report: told, a line each, of all files at fault.
func openDataset(
  _ spec: DatasetSpec, for unet: UNetConfig, _ access: FileAccess, threads: Int,
  report: (String) -> Void
) throws(DatasetError) -> any Dataset {
  let format: DatasetFormat =
    switch spec.format {
    case .idx: .idx
    case .images: .images
    case .cifar10: .cifar10
    case .npy: .npy
    }
  return try Datasets.openDataset(
    path: spec.path, format: format, size: unet.sampleSize, channels: unet.inChannels,
    limit: spec.limit, labels: LabelSource(spec), access: access, threads: threads, report: report)
}

extension Dataset {
  /// Fills `x` (N×H×W×C) with the N images at `indices`, in [−1, 1].
  func read(_ indices: [Int], into x: Tensor) throws(DatasetError) {
    precondition(x.shape == Shape(indices.count, height, width, channels), "shapes differ")
    var pixels = [UInt8](repeating: 0, count: x.count)
    try unsafe pixels.withUnsafeMutableBufferPointer { buffer throws(DatasetError) in
      for (place, index) in indices.enumerated() {
        let part = place * imageSize..<(place + 1) * imageSize
        try unsafe read(index, into: UnsafeMutableBufferPointer(rebasing: buffer[part]))
      }
    }
    unsafe pixels.withUnsafeBufferPointer { unsafe floats(fromBytes: $0, into: x) }
  }
}
