internal import GuardedFiles
internal import TensorFiles

/// Images in a NumPy array of uint8, N×H×W×C, with any number of channels; read where it lies.
struct NpyDataset: Dataset {
  let count: Int
  let height: Int
  let width: Int
  let channels: Int
  private let file: NpyFile

  init(
    path: String, limit: Int? = nil, access: FileAccess = .ofThisProcess
  ) throws(DatasetError) {
    do throws(TensorFileError) {
      file = try NpyFile(path: path, access: access)
      guard file.holds(UInt8.self), file.shape.count == 4, file.count > 0 else {
        throw .unsupported(
          path: path,
          problem: file.count == 0
            ? "there is no image in it: it is an array of shape \(file.shape)"
            : "it holds \(file.elementType) of shape \(file.shape);"
              + " images are uint8 of shape N×H×W×C (grey ones N×H×W×1)")
      }
    } catch {
      throw DatasetError(path, error)
    }
    count = min(limit ?? file.shape[0], file.shape[0])
    (height, width, channels) = (file.shape[1], file.shape[2], file.shape[3])
  }

  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError) {
    precondition((0..<count).contains(index) && pixels.count == imageSize, "no such image")
    do {
      try unsafe file.read(from: index * imageSize, into: pixels)
    } catch {
      throw DatasetError(file.path, error)
    }
  }
}
