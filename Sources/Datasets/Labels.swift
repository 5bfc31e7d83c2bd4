/// What the images of a data set show, and where that is written.
///
/// The classes of a data set are numbered from 0 without gaps. They are the names that the job
/// gives, or that the data set has (subfolders, CIFAR-10's list), or else the numbers themselves up
/// to the largest label in the file; a `limit` on the images does not change them.

internal import DurableIO
internal import GuardedFiles
internal import TensorFiles

/// The classes of a data set's images.
public struct Labels: Equatable, Sendable {
  /// The classes' names, in the order of their numbers.
  public let classes: [String]
  /// The class of each image.
  public let numbers: [Int]

  /// The classes of images; every number is one of a class.
  public init(classes: [String], numbers: [Int]) {
    precondition(
      numbers.allSatisfy(classes.indices.contains), "a label is the number of a class")
    self.classes = classes
    self.numbers = numbers
  }

  /// The same with the classes numbered in the order of `names`; nil if these are not the classes.
  public func renumbered(as names: [String]) -> Labels? {
    let known = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
    let places = classes.compactMap { known[$0] }
    guard Set(places).count == names.count, places.count == names.count else { return nil }
    return Labels(classes: names, numbers: numbers.map { places[$0] })
  }

  /// The labels of the images `images`, in this order.
  public subscript(images: some Sequence<Int>) -> Labels {
    Labels(classes: classes, numbers: images.map { numbers[$0] })
  }
}

/// Where a data set's labels are, and what its classes are called.
public struct LabelSource: Equatable, Sendable {
  /// A file with the labels; nil if they are where the format usually has them.
  public var path: String?
  /// The classes' names in the order of their numbers; nil if the data set says them.
  public var names: [String]?

  /// Labels at the usual place, or in a file of their own.
  public init(path: String? = nil, names: [String]? = nil) {
    self.path = path
    self.names = names
  }
}

extension Labels {
  /// Numbers that a label may have: a network has an embedding for each of them.
  static let allowed = 0..<1 << 16

  /// Labels as a file has them, each checked.
  ///
  /// - path: the file, for errors.
  init(_ numbers: [Int], names: [String]?, path: String) throws(DatasetError) {
    let allowed = names?.indices ?? Self.allowed
    if let image = numbers.firstIndex(where: { !allowed.contains($0) }) {
      let why = names.map { ", the numbers of its \($0.count) classes" } ?? ""
      throw DatasetError(
        path: path,
        problem: "the label of image \(image), counted from 0, is \(numbers[image]); allowed are 0"
          + " to \(allowed.upperBound - 1)\(why)")
    }
    let classes = names ?? (0...(numbers.max() ?? 0)).map(String.init)
    self.init(classes: classes, numbers: numbers)
  }

  /// The labels of the images in an IDX file: those of the IDX file of labels beside it, called as
  /// MNIST's are (`train-images-idx3-ubyte` and `train-labels-idx1-ubyte`), compressed or not.
  static func ofIDX(
    _ images: String, _ source: LabelSource, _ access: FileAccess
  ) throws(DatasetError) -> Labels {
    let path = if let path = source.path { path } else { try labelsFile(beside: images, access) }
    return try Labels(path, source.names) { path throws(TensorFileError) in
      let stored = try ByteFile(path: path, access: access)
      // zlib reads files that are not compressed, too.
      let file = try GzipReader(stored)
      let header = try file.read(8)
      guard header.count == 8, header.starts(with: [0, 0, 8, 1]) else {
        throw .unsupported(
          path: path, problem: "it does not begin as an IDX file of labels: bytes in 1 dimension")
      }
      let count = header[4...].reduce(0) { $0 << 8 | Int($1) }
      // Deflate cannot shrink by more than 1032: no memory is taken for a false promise.
      guard count / 1032 <= stored.size else {
        throw .damaged(
          path: path, problem: "its header promises \(count) labels and it has \(stored.size) bytes"
        )
      }
      let labels = try file.read(exactly: count)
      try file.expectEnd()
      return labels.map { Int($0) }
    }
  }

  /// The labels in a .npy file of integers, one an image.
  static func ofNpy(
    _ images: String, _ source: LabelSource, _ access: FileAccess
  ) throws(DatasetError) -> Labels {
    guard let path = source.path else {
      throw DatasetError(
        path: images,
        problem: "a .npy file has images alone: name the .npy file of their labels instead of true")
    }
    return try Labels(path, source.names) { path throws(TensorFileError) in
      let file = try NpyFile(path: path, access: access)
      guard file.shape.count == 1, let labels = try file.integers() else {
        throw .unsupported(
          path: path,
          problem: "it holds \(file.elementType) of shape \(file.shape); labels are integers of"
            + " shape [N]")
      }
      return labels
    }
  }

  private init(
    _ path: String, _ names: [String]?, read: (String) throws(TensorFileError) -> [Int]
  ) throws(DatasetError) {
    let numbers: [Int]
    do {
      numbers = try read(path)
    } catch {
      throw DatasetError(path, error)
    }
    try self.init(numbers, names: names, path: path)
  }

  private static func labelsFile(
    beside images: String, _ access: FileAccess
  ) throws(DatasetError) -> String {
    var parts = images.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let name = parts.removeLast()
    guard name.contains("images") else {
      throw DatasetError(
        path: images,
        problem: "it is not called …images…, so its labels' name is not known: name their file"
          + " instead of true")
    }
    let wanted = name.replacing("images", with: "labels").replacing("idx3", with: "idx1")
    let twin = wanted.hasSuffix(".gz") ? String(wanted.dropLast(3)) : wanted + ".gz"
    let paths = [wanted, twin].map { (parts + [$0]).joined(separator: "/") }
    do {
      for path in paths where try access.exists(path) { return path }
    } catch {
      throw DatasetError(error)
    }
    throw DatasetError(path: images, problem: "its labels are not beside it: no \(paths[0])")
  }
}

extension Dataset {
  /// The same images with other labels.
  public func labelled(_ labels: Labels) -> any Dataset { LabelledDataset(self, labels) }
}

/// Another data set's images with labels, which may be of more images than are used.
struct LabelledDataset: Dataset {
  let labels: Labels?
  private let images: any Dataset

  var count: Int { images.count }
  var height: Int { images.height }
  var width: Int { images.width }
  var channels: Int { images.channels }

  init(_ images: any Dataset, _ labels: Labels) {
    self.images = images
    self.labels = labels[0..<images.count]
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    try unsafe images.read(index, into: pixels)
  }
}
