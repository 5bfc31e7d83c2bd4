import Datasets
import DurableIO
import GuardedFiles
import Images
import Jobs
import ModelConfig
import StrictJSON
import TensorCore

/// Shows whether a model remembers its training images: `neighbours.png`, the first samples each
/// with the nearest images of a data set, and `neighbours.json`, which images these are.
struct NeighbourPicture {
  private let spec: NeighboursSpec
  private let search: NeighbourSearch

  /// Opens the data set in the size that the network wants.
  init(
    _ spec: NeighboursSpec, _ unet: UNetConfig, _ access: FileAccess, _ pool: ThreadPool,
    report: (String) -> Void
  ) throws(JobFailure) {
    self.spec = spec
    let dataset: any Dataset
    do throws(DatasetError) {
      dataset = try openDataset(
        spec.dataset, for: unet, access, threads: pool.threads, report: report)
    } catch {
      throw JobFailure(error).at("$.neighbours.dataset")
    }
    search = NeighbourSearch(
      dataset: dataset, count: spec.count, mirrored: spec.dataset.horizontalFlip, pool: pool)
  }

  /// Searches and writes both files. Throws `JobFailure.stopped` if stopped meanwhile.
  func write(
    _ store: SampleStore, to folder: String, shouldStop: () -> Bool, log: (String) -> Void
  ) throws {
    let samples = try store.first(spec.samples)
    log("looks for the neighbours of \(samples.count) images among \(search.dataset.count)")
    let found = try search.neighbours(of: samples, shouldStop: shouldStop)
    var (pictures, captions): ([Image], [String]) = ([], [])
    for (index, (sample, neighbours)) in zip(samples, found).enumerated() {
      pictures.append(sample)
      captions.append("sample \(index)")
      for neighbour in neighbours {
        let image = try search.dataset.image(neighbour.index)
        pictures.append(neighbour.isMirrored ? image.mirrored : image)
        captions.append(hundredths(neighbour.distance))
      }
    }
    // As many as are wanted, or as there are.
    let columns = 1 + min(spec.count, search.dataset.count)
    try Pictures.writeTable(
      pictures, captions: captions, columns: columns, to: folder + "/neighbours.png")
    try AtomicFile.write(
      json(found).serialized(pretty: true) + "\n", to: folder + "/neighbours.json",
      synced: false)
  }

  private func json(_ found: [[Neighbour]]) -> JSONValue {
    let samples = found.enumerated().map { index, neighbours -> JSONValue in
      let neighbours = neighbours.map { neighbour -> JSONValue in
        [
          "index": .integer(neighbour.index), "distance": .double(neighbour.distance),
          "mirrored": .bool(neighbour.isMirrored),
        ]
      }
      return ["sample": .integer(index), "neighbours": .array(neighbours)]
    }
    return [
      "schema": "ddpm.neighbours/1", "dataset": .string(spec.dataset.path),
      "samples": .array(samples),
    ]
  }
}

/// The number with two places behind the point.
private func hundredths(_ value: Double) -> String {
  let (units, rest) = Int((100 * value).rounded()).quotientAndRemainder(dividingBy: 100)
  return "\(units).\(rest < 10 ? "0" : "")\(rest)"
}
