/// A folder of PNG and JPEG files, searched recursively, in the order of their paths' bytes.
///
/// Files are chosen by name (`.png`, `.jpg`, `.jpeg`, in any case; names that begin with a dot are
/// left out) and decoded by content. Images in other formats are an error, other files are ignored.
///
/// **What is checked when it is opened.** Every file's header, size and end. Where all images can be
/// decoded within `Budget`, they are, once, and stay in memory: every damaged file is then found
/// before training starts. Larger folders are decoded as images are needed, and a file damaged in
/// its middle is named when it is reached.
///
/// **Labels**, where they are wanted: an image's class is the subfolder of the folder that it is in,
/// at whatever depth; classes are numbered in the order of their names' bytes.

internal import DurableIO
internal import Glibc
internal import GuardedFiles
internal import Images
internal import Synchronization
internal import TensorCore

/// The images of a folder at one size: centre crop, then resampling.
struct ImageFolderDataset: Dataset {
  /// Up to how much work and memory all images are decoded when the folder is opened.
  struct Budget {
    /// Decoded pixels of all files: some twenty seconds' work for two threads.
    var pixels = 4 << 30
    /// All images at their final size.
    var bytes = 512 << 20
  }

  let height: Int
  let width: Int
  let channels: Int
  let labels: Labels?
  private let source: ImageFiles
  /// All images, one after the other.
  private let decoded: [UInt8]?

  var count: Int { source.count }

  init(
    path: String, size: Int, channels: Int, limit: Int? = nil, labelled: Bool = false,
    access: FileAccess = .ofThisProcess, threads: Int = 1, budget: Budget = Budget(),
    report: (String) -> Void = { _ in }
  ) throws(DatasetError) {
    guard channels == 1 || channels == 3 else {
      throw DatasetError(
        path: path,
        problem: "a folder of images gives 1 or 3 channels and \(channels) are wanted; save the"
          + " images as a .npy array of uint8, N×H×W×C")
    }
    let all = try ImageFiles(in: path, access)
    let source = all.prefix(limit ?? all.count)
    labels = labelled ? try all.labels()[0..<source.count] : nil
    let pool = ThreadPool(threads: threads)
    let sourcePixels = Atomic(0)
    try source.forEach(pool, report) { index throws(ImageError) in
      let info = try inspectImage(source.open(index))
      sourcePixels.add(info.width * info.height, ordering: .relaxed)
    }
    (height, width, self.channels, self.source) = (size, size, channels, source)

    let bytes = source.count * size * size * channels
    guard bytes <= budget.bytes, sourcePixels.load(ordering: .relaxed) <= budget.pixels else {
      decoded = nil
      return
    }
    let pixels = Mutex([UInt8](repeating: 0, count: bytes))
    try source.forEach(pool, report) { index throws(ImageError) in
      let image = try source.load(index, size: size, channels: channels).pixels
      pixels.withLock {
        $0.replaceSubrange(index * image.count..<(index + 1) * image.count, with: image)
      }
    }
    decoded = pixels.withLock { $0 }
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    precondition((0..<count).contains(index) && pixels.count == imageSize, "no such image")
    if let decoded {
      _ = unsafe pixels.update(from: decoded[index * imageSize..<(index + 1) * imageSize])
      return
    }
    do {
      unsafe copy(try source.load(index, size: height, channels: channels), into: pixels)
    } catch {
      throw DatasetError(source.path(index), error)
    }
  }
}

/// The image files in a folder and below it.
private struct ImageFiles {
  private let folder: GuardedFolder
  /// Paths that begin in the folder.
  private var names: [String]

  var count: Int { names.count }

  init(in path: String, _ access: FileAccess) throws(DatasetError) {
    do {
      folder = try access.folder(path)
    } catch {
      throw error.code == ENOTDIR
        ? DatasetError(path: path, problem: "it is a file; a folder of images is wanted")
        : DatasetError(error)
    }
    names = []
    for name in try folder.filesBelow() {
      let suffix = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
      if ["png", "jpg", "jpeg"].contains(suffix) {
        names.append(name)
      } else if ["webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "jxl"].contains(suffix) {
        throw DatasetError(
          path: "\(path)/\(name)",
          problem: "images of this format are not read; convert it to PNG or JPEG")
      }
    }
    guard !names.isEmpty else {
      throw DatasetError(path: path, problem: "the folder has no .png, .jpg or .jpeg file")
    }
  }

  /// Only the first so many.
  func prefix(_ count: Int) -> ImageFiles {
    var files = self
    files.names = Array(names.prefix(count))
    return files
  }

  func path(_ index: Int) -> String { "\(folder.path)/\(names[index])" }

  func open(_ index: Int) throws(ImageError) -> OpenFile {
    do {
      return try folder.file(names[index])
    } catch {
      throw .file(path: error.path, .unreadable(error))
    }
  }

  func load(_ index: Int, size: Int, channels: Int) throws(ImageError) -> Image {
    try loadImage(open(index), channels: channels).resampled(toHeight: size, width: size)
  }

  /// An image's class is the subfolder that it is in.
  func labels() throws(DatasetError) -> Labels {
    let subfolders = try names.enumerated().map { index, name throws(DatasetError) in
      let parts = name.split(separator: "/")
      guard parts.count > 1 else {
        throw DatasetError(
          path: path(index), problem: "with labels, each image lies in the subfolder of its class")
      }
      return String(parts[0])
    }
    let classes = Set(subfolders).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let numbers = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
    return Labels(classes: classes, numbers: subfolders.compactMap { numbers[$0] })
  }

  /// Calls `body` for every file. Of those that it throws for, the first in their order is the error,
  /// which says how many more there are, and `report` is told of each, up to twenty.
  func forEach(
    _ pool: ThreadPool, _ report: (String) -> Void,
    _ body: @escaping @Sendable (Int) throws(ImageError) -> Void
  ) throws(DatasetError) {
    let failures = Mutex<[Int: ImageError]>([:])
    pool.run(count) { index, _ in
      do throws(ImageError) {
        try body(index)
      } catch {
        failures.withLock { $0[index] = error }
      }
    }
    let errors = failures.withLock { $0 }.sorted { $0.key < $1.key }.map {
      DatasetError(path($0.key), $0.value)
    }
    guard let first = errors.first else { return }
    if errors.count == 1 { throw first }
    let reported = errors.prefix(20)
    for error in reported { report("\(error)") }
    if errors.count > reported.count { report("and \(errors.count - reported.count) more files") }
    throw DatasetError(
      path: first.path,
      problem: "\(first.problem) (\(errors.count - 1) more of \(count) files cannot be used)",
      isTransient: first.isTransient)
  }
}
