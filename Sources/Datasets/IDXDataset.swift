/// Images in an IDX file, the format of MNIST and Fashion-MNIST (http://yann.lecun.com/exdb/mnist):
/// 0, 0, 8 (bytes), 3 (dimensions), then count, height and width as big-endian 32-bit numbers, then
/// the pixels.
///
/// A plain file is read where it lies. A gzip-compressed one, told by its first bytes, is inflated
/// once when it is opened: into memory up to `memoryLimit`, else into an unnamed file on disk. The
/// size must be exactly what the header says, and gzip's checksum must agree (not with a `limit`,
/// where reading stops early).

internal import GuardedFiles
internal import TensorFiles

/// Grey images of an IDX file, gzip-compressed or not.
struct IDXDataset: Dataset {
  /// Inflated images are kept in memory up to this many bytes.
  static let memoryLimit = 256 << 20
  private static let headerSize = 16

  private enum Storage {
    case memory([UInt8])
    case file(ByteFile, start: Int)
  }

  let count: Int
  let height: Int
  let width: Int
  let channels = 1
  private let path: String
  private let storage: Storage

  init(
    path: String, limit: Int? = nil, access: FileAccess = .ofThisProcess,
    memoryLimit: Int = IDXDataset.memoryLimit
  ) throws(DatasetError) {
    self.path = path
    do throws(TensorFileError) {
      let file = try ByteFile(path: path, access: access)
      let isCompressed = try file.bytes(at: 0, count: min(2, file.size)) == [0x1F, 0x8B]
      let gzip = isCompressed ? try GzipReader(file) : nil
      let header =
        if let gzip {
          try gzip.read(Self.headerSize)
        } else {
          try file.bytes(at: 0, count: min(Self.headerSize, file.size))
        }
      let available = try Self.parse(header, path: path)
      (height, width) = (available.height, available.width)
      count = min(limit ?? available.count, available.count)

      let size = count * height * width
      let wholeSize = available.count * height * width
      guard let gzip else {
        guard file.size == Self.headerSize + wholeSize else {
          throw .damaged(
            path: path,
            problem: "its header promises \(Self.headerSize + wholeSize) bytes and it has"
              + " \(file.size)")
        }
        storage = .file(file, start: Self.headerSize)
        return
      }
      // Deflate cannot shrink by more than 1032: no memory is taken for a false promise.
      guard wholeSize / 1032 <= file.size else {
        throw .damaged(
          path: path,
          problem: "its header promises \(wholeSize) bytes, which \(file.size) compressed ones"
            + " cannot hold")
      }
      if size <= memoryLimit {
        storage = .memory(try gzip.read(exactly: size))
      } else {
        storage = .file(
          try ByteFile { append throws(TensorFileError) in
            var rest = size
            while rest > 0 {
              let block = try gzip.read(exactly: min(rest, 1 << 20))
              try append(block)
              rest -= block.count
            }
          }, start: 0)
      }
      if size == wholeSize { try gzip.expectEnd() }
    } catch {
      throw DatasetError(path, error)
    }
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    precondition((0..<count).contains(index) && pixels.count == imageSize, "no such image")
    let start = index * imageSize
    switch storage {
    case .memory(let bytes):
      _ = unsafe pixels.update(from: bytes[start..<start + imageSize])
    case .file(let file, let first):
      do {
        try unsafe file.read(at: first + start, into: UnsafeMutableRawBufferPointer(pixels))
      } catch {
        throw DatasetError(path, error)
      }
    }
  }

  private static func parse(
    _ header: [UInt8], path: String
  ) throws(TensorFileError) -> (count: Int, height: Int, width: Int) {
    guard header.count == headerSize, header[0] == 0, header[1] == 0 else {
      throw .damaged(path: path, problem: "it does not begin as an IDX file")
    }
    guard header[2] == 8, header[3] == 3 else {
      throw .unsupported(
        path: path,
        problem: "it holds \(header[3])-dimensional data of type \(header[2]); images have 3"
          + " dimensions and type 8 (bytes)"
          + (header[3] == 1 ? "; is this the labels file?" : ""))
    }
    let extents = [4, 8, 12].map { start in
      header[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    // 2³² images of 2¹⁵ × 2¹⁵: larger products would not fit an Int.
    guard extents[0] > 0, (1...1 << 15).contains(extents[1]), (1...1 << 15).contains(extents[2])
    else {
      throw .damaged(
        path: path,
        problem: "its header promises \(extents[0]) images of \(extents[1])×\(extents[2])")
    }
    return (extents[0], extents[1], extents[2])
  }
}
