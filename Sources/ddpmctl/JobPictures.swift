/// The pictures among a job's results, also of a run that is under way.

import DurableIO
import Jobs

struct JobPictures {
  struct Picture {
    /// As "previews/step-00000250.png".
    let name: String
    let png: [UInt8]
  }

  /// In order.
  let pictures: [Picture]
  /// How many there are beside these.
  let leftOut: Int

  /// So many previews, and so many samples, are shown at most.
  private static let most = (previews: 9, samples: 64)
  /// Bytes of all pictures.
  private static let limit = 24 << 20
  /// What the report draws itself.
  private static let plots: Set = ["loss.png", "terms.png", "rate_distortion.png"]

  /// The pictures of a job; none where it has no results yet.
  init(_ directory: JobDirectory) throws(SystemError) {
    let folder =
      try Directory.exists(directory.results) ? directory.results : directory.resultsInProgress
    let sheets = try Self.names(folder, "").filter { !Self.plots.contains($0) }
    let previews = try Self.names(folder, "previews/")
    // The sheets show the samples, if there are any.
    let samples = sheets.isEmpty ? try Self.names(folder, "samples/") : []
    let chosen =
      sheets + Self.spread(previews, over: Self.most.previews) + samples.prefix(Self.most.samples)
    var (pictures, bytes): ([Picture], Int) = ([], 0)
    for name in chosen {
      guard let png = try readFileIfPresent("\(folder)/\(name)"), png.starts(with: Self.signature),
        bytes + png.count <= Self.limit
      else { continue }
      bytes += png.count
      pictures.append(Picture(name: name, png: png))
    }
    self.pictures = pictures
    leftOut = sheets.count + previews.count + samples.count - pictures.count
  }

  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47]

  /// The PNG files in `folder`/`part`, sorted.
  private static func names(_ folder: String, _ part: String) throws(SystemError) -> [String] {
    guard try Directory.exists("\(folder)/\(part)") else { return [] }
    return try Directory.names(in: "\(folder)/\(part)").filter {
      $0.hasSuffix(".png") && !$0.hasPrefix(".")
    }.sorted().map { part + $0 }
  }

  /// At most `count` of `names`, with the first and the last.
  private static func spread(_ names: [String], over count: Int) -> [String] {
    guard names.count > count else { return names }
    return (0..<count).map { names[$0 * (names.count - 1) / (count - 1)] }
  }
}
