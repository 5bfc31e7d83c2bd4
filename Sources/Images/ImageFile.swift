/// Image files: a quick check of header and end, and reading the whole.
///
/// The format is told from the first bytes, not from the name. Every size is checked before memory
/// is taken for it.

public import DurableIO

/// What a file's header says.
public struct ImageInfo: Equatable, Sendable {
  /// Told from the first bytes.
  public let format: ImageFormat
  /// Pixels in a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// 1 for grey, 3 for colour; an alpha channel is not counted.
  public let channels: Int
  /// What the format's compression can put into a byte at best.
  private let pixelsPerByte: Int

  /// An image of more pixels is refused.
  public static let pixelLimit = 1 << 27
  /// A file of more bytes is refused.
  public static let fileLimit = 1 << 28

  init(
    format: ImageFormat, width: Int, height: Int, channels: Int, pixelsPerByte: Int
  ) throws(ImageError) {
    guard width > 0, height > 0 else { throw .damaged(format, "its size is \(width)×\(height)") }
    guard width <= Self.pixelLimit / height else {
      throw .tooManyPixels(width: width, height: height)
    }
    self.format = format
    self.width = width
    self.height = height
    self.channels = channels
    self.pixelsPerByte = pixelsPerByte
  }

  /// Refuses a size that no file of so many bytes can hold, so that no memory is taken for it.
  func require(fileSize: Int) throws(ImageError) {
    guard width * height <= pixelsPerByte * fileSize else {
      throw .damaged(
        format, "its header promises \(width)×\(height) pixels, more than \(fileSize) bytes hold")
    }
  }

  /// Reads the header in `bytes`, which may be only the beginning of a file.
  public init(header bytes: [UInt8]) throws(ImageError) {
    switch bytes {
    case _ where isPNG(bytes): self = try pngInfo(bytes)
    case _ where isJPEG(bytes): self = try jpegInfo(bytes)
    default: throw .unknownFormat
    }
  }
}

/// Checks that the file has a header of a kind that is read, an allowed size and an end.
///
/// Reads at most 64 KiB of a well-formed file and 4 KiB of its end, so it finds a cut-off file
/// but not one damaged in the middle: only decoding does.
///
/// Throws: `ImageError.file`.
public func inspectImage(_ file: OpenFile) throws(ImageError) -> ImageInfo {
  do throws(ImageError) {
    let file = try ImageFile(file)
    let head = try file.read(0..<min(file.size, 1 << 16))
    let info: ImageInfo
    do {
      info = try ImageInfo(header: head)
    } catch .damaged where head.count < file.size {
      // A JPEG's colour profiles and previews come before its size and may be long.
      info = try ImageInfo(header: try file.read(0..<file.size))
    }
    try info.require(fileSize: file.size)
    let tail = try file.read(max(0, file.size - 4096)..<file.size)
    let end: [UInt8] =
      switch info.format {
      case .png: Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]  // with its checksum
      case .jpeg: [0xFF, 0xD9]
      }
    guard tail.indices.contains(where: { tail[$0...].starts(with: end) }) else {
      throw .damaged(info.format, "its end is missing; the file may have been cut off")
    }
    return info
  } catch {
    throw .file(path: file.path, error)
  }
}

/// Reads and decodes a PNG or JPEG file; with `channels`, converted to that many (1 or 3).
///
/// Throws: `ImageError.file`.
public func loadImage(_ file: OpenFile, channels: Int? = nil) throws(ImageError) -> Image {
  do throws(ImageError) {
    let file = try ImageFile(file)
    return try decodeImage(try file.read(0..<file.size), channels: channels)
  } catch {
    throw .file(path: file.path, error)
  }
}

/// Decodes a PNG or JPEG image; with `channels`, converted to that many (1 or 3).
public func decodeImage(_ bytes: [UInt8], channels: Int? = nil) throws(ImageError) -> Image {
  let image =
    switch try ImageInfo(header: bytes).format {
    case .png: try decodePNG(bytes)
    case .jpeg: try decodeJPEG(bytes)
    }
  guard let channels else { return image }
  return try image.converted(toChannels: channels)
}

/// A file of allowed size.
private struct ImageFile {
  private let file: OpenFile
  let size: Int

  init(_ file: OpenFile) throws(ImageError) {
    self.file = file
    do {
      size = try file.status().size
    } catch {
      throw .unreadable(error)
    }
    guard size <= ImageInfo.fileLimit else { throw .tooManyBytes(size) }
  }

  func read(_ range: Range<Int>) throws(ImageError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      do throws(SystemError) {
        count = try unsafe file.read(
          into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
      } catch {
        failure = error
      }
    }
    if let failure { throw .unreadable(failure) }
    return bytes
  }
}
