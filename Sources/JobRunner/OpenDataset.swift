import Datasets
import Jobs
import ModelConfig

/// The images that a job is about, in the size that its network wants.
///
/// - report: told, a line each, of all files at fault.
func openDataset(
  _ spec: DatasetSpec, for unet: UNetConfig, threads: Int, report: (String) -> Void
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
    limit: spec.limit, labels: LabelSource(spec), threads: threads, report: report)
}
