/// JPEG through the TurboJPEG API, which catches libjpeg's longjmp inside C.
///
/// Grey and colour (YCbCr or RGB) baseline and progressive files are read, to 8-bit grey or RGB,
/// with the exact inverse DCT and smooth chroma upsampling, which are libjpeg's and PIL's defaults.
/// CMYK files are refused: what their inks look like is not defined by the file. An orientation in
/// EXIF is ignored, as by PIL. A file in which libjpeg finds anything wrong is refused, because it
/// would otherwise fill in the missing part in grey.

internal import CJPEG

func isJPEG(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

/// Decodes a JPEG to 8-bit grey (1 channel) or RGB (3 channels).
public func decodeJPEG(_ bytes: [UInt8]) throws(ImageError) -> Image {
  let info = try jpegInfo(bytes)
  try info.require(fileSize: bytes.count)
  guard let decoder = unsafe tjInitDecompress() else {
    throw .damaged(.jpeg, "no decoder can be made")
  }
  defer { unsafe tjDestroy(decoder) }
  let format = info.channels == 1 ? TJPF_GRAY : TJPF_RGB
  // LIMITSCANS: a small hostile file can ask for thousands of passes over a huge image.
  let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING
  let size = info.height * info.width * info.channels
  var status: Int32 = -1
  let pixels = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    unsafe buffer.initialize(repeating: 0)
    unsafe status = tjDecompress2(
      decoder, bytes, UInt(bytes.count), buffer.baseAddress, Int32(info.width), 0,
      Int32(info.height), format.rawValue, Int32(flags))
    count = size
  }
  guard status == 0 else { throw unsafe .damaged(.jpeg, String(cString: tjGetErrorStr2(decoder))) }
  return Image(height: info.height, width: info.width, channels: info.channels, pixels: pixels)
}

/// The size and the components in the frame header, found by walking the segments before it.
func jpegInfo(_ bytes: [UInt8]) throws(ImageError) -> ImageInfo {
  func word(_ i: Int) -> Int { Int(bytes[i]) << 8 | Int(bytes[i + 1]) }
  var position = 2
  while position + 10 <= bytes.count {
    guard bytes[position] == 0xFF else { break }
    let marker = bytes[position + 1]
    switch marker {
    case 0xFF:  // a fill byte
      position += 1
    case 0xC0...0xC2:  // baseline, extended and progressive frames
      guard bytes[position + 4] == 8 else {
        throw .unsupported(.jpeg, "it has \(bytes[position + 4]) bits a sample; 8 are read")
      }
      let components = Int(bytes[position + 9])
      guard components == 1 || components == 3 else {
        throw .unsupported(
          .jpeg, "it has \(components) components (CMYK has 4); convert it to RGB or grey")
      }
      return try ImageInfo(
        format: .jpeg, width: word(position + 7), height: word(position + 5), channels: components,
        // A block of 8×8 pixels takes a bit at least.
        pixelsPerByte: 8 * 64)
    case 0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
      throw .unsupported(.jpeg, "it is lossless, hierarchical or arithmetic-coded")
    case 0xC0...0xFE where marker != 0xD9 && marker != 0xDA:
      position += 2 + word(position + 2)
    default:
      throw .damaged(.jpeg, "its frame header is missing")
    }
  }
  throw .damaged(.jpeg, "it ends within its header")
}
