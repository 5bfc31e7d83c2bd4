/// What every data set promises, and how one is opened.

internal import DurableIO
public import GuardedFiles
public import Images
internal import TensorFiles

/// Images of one size and channel count, read as they are needed.
public protocol Dataset: Sendable {
  /// How many images, at least one.
  var count: Int { get }
  /// Rows of every image.
  var height: Int { get }
  /// Pixels in a row.
  var width: Int { get }
  /// Bytes of a pixel.
  var channels: Int { get }
  /// The images' classes; nil if they have none.
  var labels: Labels? { get }

  /// Writes image `index` as height×width×channels bytes.
  ///
  /// May be called from any thread. Throws: `DatasetError` that names the file.
  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError)
}

extension Dataset {
  /// None.
  public var labels: Labels? { nil }

  /// Bytes of one image.
  public var imageSize: Int { height * width * channels }

  /// Image `index` by itself.
  public func image(_ index: Int) throws(DatasetError) -> Image {
    var pixels = [UInt8](repeating: 0, count: imageSize)
    try unsafe pixels.withUnsafeMutableBufferPointer { buffer throws(DatasetError) in
      try unsafe read(index, into: buffer)
    }
    return Image(height: height, width: width, channels: channels, pixels: pixels)
  }
}

/// A data set that cannot be used, in one sentence: file, what was found, what is allowed.
public struct DatasetError: Error, Equatable, CustomStringConvertible {
  /// The file at fault.
  public let path: String
  /// What is wrong with it, to be read after its path.
  public let problem: String
  /// Whether the machine's state is at fault, not the file, so that trying again may help.
  public let isTransient: Bool

  /// An error made from its parts.
  public init(path: String, problem: String, isTransient: Bool = false) {
    self.path = path
    self.problem = problem
    self.isTransient = isTransient
  }

  init(_ path: String, _ error: TensorFileError) {
    self.init(path: path, problem: error.problem, isTransient: error.isTransient)
  }

  init(_ error: SystemError) {
    self.init(
      path: error.path, problem: "cannot be read: \(error.reason)", isTransient: error.isTransient)
  }

  init(_ path: String, _ error: ImageError) {
    if case .file(_, let cause) = error {
      self.init(path, cause)
    } else {
      self.init(path: path, problem: "the file \(error)", isTransient: error.isTransient)
    }
  }

  /// Path and problem.
  public var description: String { "\(path): \(problem)" }
}

/// How the images lie on disk.
public enum DatasetFormat: String, CaseIterable, Sendable {
  /// See `IDXDataset`.
  case idx
  /// See `ImageFolderDataset`.
  case images
  /// See `CIFARDataset`.
  case cifar10
  /// See `NpyDataset`.
  case npy
}

/// Opens a data set and checks all that can be checked quickly; its images come as
/// `size`×`size`×`channels` bytes, resampled and converted where the files differ.
///
/// - limit: only the first `limit` images are used.
/// - labels: where the images' classes are; nil reads none.
/// - access: what may be read.
/// - threads: share the checking of a folder's files.
/// - report: told, a line each, of all files at fault where the error, which names one, cannot.
public func openDataset(
  path: String, format: DatasetFormat, size: Int, channels: Int, limit: Int? = nil,
  labels: LabelSource? = nil, access: FileAccess = .ofThisProcess, threads: Int = 1,
  report: (String) -> Void = { _ in }
) throws(DatasetError) -> any Dataset {
  precondition(size > 0 && channels > 0 && (limit ?? 1) > 0, "nothing would be read")
  let stored: any Dataset
  let known: Labels?
  switch format {
  case .images:
    return try ImageFolderDataset(
      path: path, size: size, channels: channels, limit: limit, labelled: labels != nil,
      access: access, threads: threads, report: report)
  case .idx:
    stored = try IDXDataset(path: path, limit: limit, access: access)
    known = try labels.map { source throws(DatasetError) in try .ofIDX(path, source, access) }
  case .cifar10:
    let batches = try CIFARDataset(path: path, limit: limit, access: access)
    stored = batches
    known = try labels.map { source throws(DatasetError) in
      try batches.readLabels(names: source.names, access)
    }
  case .npy:
    stored = try NpyDataset(path: path, limit: limit, access: access)
    known = try labels.map { source throws(DatasetError) in try .ofNpy(path, source, access) }
  }
  let fits = stored.height == size && stored.width == size && stored.channels == channels
  let images =
    fits ? stored : try ConvertedDataset(stored, path: path, size: size, channels: channels)
  guard let known else { return images }
  guard known.numbers.count == images.count || limit != nil && known.numbers.count > images.count
  else {
    throw DatasetError(
      path: path,
      problem:
        "it has \(images.count) images and \(known.numbers.count) labels; each image needs one")
  }
  return LabelledDataset(images, known)
}
