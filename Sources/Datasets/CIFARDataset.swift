/// CIFAR-10's binary batches (https://www.cs.toronto.edu/~kriz/cifar.html): records of a label byte
/// and 3×32×32 pixels, the colours one plane after the other.
///
/// The path is one file, or a folder: then its `data_batch_*.bin`, the training set, or if it has
/// none every `*.bin`, in the order of their names. The classes' names are the lines of
/// `batches.meta.txt` beside them, if it is there.

internal import DurableIO
internal import Glibc
internal import GuardedFiles
internal import TensorFiles

/// The images of one or more CIFAR-10 batches.
struct CIFARDataset: Dataset {
  private static let planeSize = 32 * 32
  private static let recordSize = 1 + 3 * planeSize

  let count: Int
  let height = 32
  let width = 32
  let channels = 3
  private let files: [ByteFile]
  /// The number of images before each file.
  private let starts: [Int]

  init(
    path: String, limit: Int? = nil, access: FileAccess = .ofThisProcess
  ) throws(DatasetError) {
    var files: [ByteFile] = []
    var starts: [Int] = []
    var total = 0
    for path in try Self.batches(at: path, access) {
      do throws(TensorFileError) {
        let file = try ByteFile(path: path, access: access)
        guard file.size > 0, file.size % Self.recordSize == 0 else {
          let isCIFAR100 = file.size > 0 && file.size % (Self.recordSize + 1) == 0
          throw .damaged(
            path: path,
            problem: "its \(file.size) bytes are not a number of CIFAR-10's records of"
              + " \(Self.recordSize) bytes" + (isCIFAR100 ? "; it may be CIFAR-100, not read" : ""))
        }
        files.append(file)
      } catch {
        throw DatasetError(path, error)
      }
      starts.append(total)
      total += files[files.count - 1].size / Self.recordSize
    }
    self.files = files
    self.starts = starts
    count = min(limit ?? total, total)
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    precondition((0..<count).contains(index) && pixels.count == imageSize, "no such image")
    let batch = (starts.firstIndex { $0 > index } ?? starts.count) - 1
    do {
      let planes = try files[batch].bytes(
        at: (index - starts[batch]) * Self.recordSize + 1, count: 3 * Self.planeSize)
      for i in 0..<Self.planeSize {
        for c in 0..<3 { unsafe pixels[3 * i + c] = planes[c * Self.planeSize + i] }
      }
    } catch {
      throw DatasetError(files[batch].path, error)
    }
  }

  /// The images' classes, under these names or those that the data set has.
  func readLabels(names: [String]?, _ access: FileAccess) throws(DatasetError) -> Labels {
    let published =
      try Self.publishedNames(beside: files[0].path, access) ?? (0..<10).map(String.init)
    let names = names ?? published
    var numbers: [Int] = []
    for file in files {
      var batch: [Int] = []
      do throws(TensorFileError) {
        for record in stride(from: 0, to: file.size, by: Self.recordSize) {
          batch.append(Int(try file.bytes(at: record, count: 1)[0]))
        }
      } catch {
        throw DatasetError(file.path, error)
      }
      numbers += try Labels(batch, names: names, path: file.path).numbers
    }
    return Labels(classes: names, numbers: numbers)
  }

  private static func publishedNames(
    beside batch: String, _ access: FileAccess
  ) throws(DatasetError) -> [String]? {
    let path = batch.replacing(/[^\/]+$/, with: "batches.meta.txt")
    do throws(TensorFileError) {
      let file = try ByteFile(path: path, access: access)
      let text = String(
        decoding: try file.bytes(at: 0, count: min(file.size, 1 << 16)), as: UTF8.self)
      return text.split { $0.isNewline }.map(String.init)
    } catch {
      if case .system(let error) = error, error.isNotFound { return nil }
      throw DatasetError(path, error)
    }
  }

  private static func batches(
    at path: String, _ access: FileAccess
  ) throws(DatasetError) -> [String] {
    let names: [String]
    do {
      names = try access.folder(path).entries().map(\.name)
    } catch {
      if error.code == ENOTDIR { return [path] }
      throw DatasetError(error)
    }
    let batches = names.filter { $0.hasSuffix(".bin") }.sorted()
    guard !batches.isEmpty else {
      throw DatasetError(path: path, problem: "the folder has no *.bin file of CIFAR-10")
    }
    let training = batches.filter { $0.hasPrefix("data_batch") }
    return (training.isEmpty ? batches : training).map { "\(path)/\($0)" }
  }
}
