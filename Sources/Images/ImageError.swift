public import DurableIO

/// The image formats read.
public enum ImageFormat: String, Sendable {
  case png = "PNG"
  case jpeg = "JPEG"
}

/// Why an image cannot be used.
public enum ImageError: Error, Equatable {
  /// The file cannot be opened or read.
  case unreadable(SystemError)
  /// Neither PNG nor JPEG, judged by the first bytes.
  case unknownFormat
  /// The bytes break the format's rules or end too soon.
  case damaged(ImageFormat, String)
  /// A valid file of a kind that is not read.
  case unsupported(ImageFormat, String)
  /// More pixels than `ImageInfo.pixelLimit`.
  case tooManyPixels(width: Int, height: Int)
  /// A file larger than `ImageInfo.fileLimit`.
  case tooManyBytes(Int)
  /// No conversion between these channel counts exists.
  case channels(found: Int, wanted: Int)
  /// Any of the above, and the file it happened in.
  indirect case file(path: String, ImageError)
}

extension ImageError {
  /// Whether the machine's state is at fault, not the file, so that trying again may help.
  public var isTransient: Bool {
    switch self {
    case .unreadable(let error): error.isTransient
    case .file(_, let error): error.isTransient
    default: false
    }
  }
}

extension ImageError: CustomStringConvertible {
  /// One sentence: what was found, what is allowed.
  public var description: String {
    switch self {
    case .unreadable(let error):
      "cannot be read: \(error.reason)"
    case .unknownFormat:
      "is neither a PNG nor a JPEG image; convert it to one of these"
    case .damaged(let format, let problem):
      "is a damaged \(format.rawValue) image: \(problem)"
    case .unsupported(let format, let problem):
      "is a \(format.rawValue) image of a kind that is not read: \(problem)"
    case .tooManyPixels(let width, let height):
      "is \(width)×\(height) pixels; at most \(ImageInfo.pixelLimit) pixels are read"
    case .tooManyBytes(let bytes):
      "is \(bytes) bytes long; image files of at most \(ImageInfo.fileLimit) bytes are read"
    case .channels(let found, let wanted):
      "has \(found) channels and cannot be converted to \(wanted); only 1 and 3 convert"
    case .file(let path, let error):
      "\(path) \(error)"
    }
  }
}
