/// PNG through libpng's simplified API, which catches libpng's longjmp inside C.
///
/// Every kind of PNG is read: grey, grey+alpha, RGB, RGBA and palette, 1 to 16 bits, interlaced or
/// not, with transparency as a channel or as a chunk. The result is 8-bit grey or RGB:
/// - a transparent image is composited over white, with the stored samples as they are;
/// - 16-bit samples are rounded to 8;
/// - colour-space chunks (gAMA, sRGB, cHRM, iCCP) are ignored, as PIL ignores them. libpng would
///   apply them, so ancillary chunks other than tRNS never reach it, which also keeps compressed
///   profiles and texts of hostile files away.

internal import CPNG

private let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

func isPNG(_ bytes: [UInt8]) -> Bool { bytes.starts(with: signature) }

/// Decodes a PNG to 8-bit grey (1 channel) or RGB (3 channels).
public func decodePNG(_ bytes: [UInt8]) throws(ImageError) -> Image {
  guard isPNG(bytes) else { throw .damaged(.png, "its signature is missing") }
  try pngInfo(bytes).require(fileSize: bytes.count)
  let essential = try essentialChunks(bytes)

  var control = unsafe png_image()
  unsafe control.version = png_uint_32(PNG_IMAGE_VERSION)
  defer { unsafe png_image_free(&control) }
  // The bytes must stay where they are until the pixels are read.
  return try unsafe essential.withUnsafeBufferPointer { source throws(ImageError) in
    guard unsafe png_image_begin_read_from_memory(&control, source.baseAddress, source.count) != 0
    else { throw unsafe .damaged(.png, message(of: control)) }
    let (height, width) = unsafe (Int(control.height), Int(control.width))
    let kind = unsafe control.format & (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
    let layout = SampleLayout(
      channels: kind & PNG_FORMAT_FLAG_COLOR == 0 ? 1 : 3,
      hasAlpha: kind & PNG_FORMAT_FLAG_ALPHA != 0)
    let count = height * width * layout.samples
    let pixels: [UInt8]
    if unsafe control.format & PNG_FORMAT_FLAG_LINEAR == 0 {
      unsafe control.format = kind
      pixels = layout.opaque(try unsafe readSamples(count, of: UInt8.self, &control))
    } else {
      // The simplified API spoils interlaced images where it reduces 16 bits to 8
      // (pnggroup/libpng#853), so that is done here. Without gAMA, 16-bit samples pass unchanged.
      unsafe control.format = kind | PNG_FORMAT_FLAG_LINEAR
      pixels = layout.opaque(try unsafe readSamples(count, of: UInt16.self, &control))
    }
    return Image(height: height, width: width, channels: layout.channels, pixels: pixels)
  }
}

private func readSamples<Sample: FixedWidthInteger>(
  _ count: Int, of: Sample.Type, _ control: inout png_image
) throws(ImageError) -> [Sample] {
  var isDecoded = false
  let samples = unsafe [Sample](unsafeUninitializedCapacity: count) { buffer, initialized in
    unsafe buffer.initialize(repeating: 0)
    unsafe isDecoded = png_image_finish_read(&control, nil, buffer.baseAddress, 0, nil) != 0
    initialized = count
  }
  guard isDecoded else { throw unsafe .damaged(.png, message(of: control)) }
  return samples
}

/// How libpng gives the samples of a pixel, and what they are in 8 bits over white.
private struct SampleLayout {
  let channels: Int
  /// Whether an alpha sample follows those of the channels.
  let hasAlpha: Bool
  var samples: Int { channels + (hasAlpha ? 1 : 0) }

  /// 8-bit colours are as stored.
  func opaque(_ pixels: [UInt8]) -> [UInt8] {
    if !hasAlpha { return pixels }
    return map(pixels) { color, alpha in (color * alpha + 255 * (255 - alpha) + 127) / 255 }
  }

  /// 16-bit colours are already multiplied with alpha.
  func opaque(_ pixels: [UInt16]) -> [UInt8] {
    map(pixels) { color, alpha in (min(color + 65535 - alpha, 65535) * 255 + 32767) / 65535 }
  }

  @inline(__always)
  private func map<Sample: FixedWidthInteger>(
    _ pixels: [Sample], _ composite: (_ color: Int, _ alpha: Int) -> Int
  ) -> [UInt8] {
    let count = pixels.count / samples
    return unsafe [UInt8](unsafeUninitializedCapacity: count * channels) { bytes, initialized in
      for i in 0..<count {
        let alpha = Int(hasAlpha ? pixels[i * samples + channels] : Sample.max)
        for c in 0..<channels {
          unsafe bytes[i * channels + c] = UInt8(composite(Int(pixels[i * samples + c]), alpha))
        }
      }
      initialized = count * channels
    }
  }
}

/// Encodes an image of 1 or 3 channels as an 8-bit grey or RGB PNG.
public func encodePNG(_ image: Image) -> [UInt8] {
  precondition(image.channels == 1 || image.channels == 3, "a PNG is grey or RGB: see viewable")
  var control = unsafe png_image()
  unsafe control.version = png_uint_32(PNG_IMAGE_VERSION)
  unsafe control.width = png_uint_32(image.width)
  unsafe control.height = png_uint_32(image.height)
  unsafe control.format = image.channels == 1 ? 0 : PNG_FORMAT_FLAG_COLOR
  defer { unsafe png_image_free(&control) }
  // Incompressible data grows by the filter bytes, deflate's and the chunks' framing: far less.
  var size = image.pixels.count + image.pixels.count / 4 + image.height * 2 + 8192
  return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    let written = unsafe png_image_write_to_memory(
      &control, buffer.baseAddress, &size, 0, image.pixels, 0, nil)
    precondition(written != 0, unsafe "PNG not written: \(message(of: control))")
    count = Int(size)
  }
}

/// The size and the kind in the IHDR chunk, which always comes first.
func pngInfo(_ bytes: [UInt8]) throws(ImageError) -> ImageInfo {
  guard bytes.count >= 33, bytes[12..<16].elementsEqual("IHDR".utf8) else {
    throw .damaged(.png, "its header is missing")
  }
  let (depth, colorType) = (Int(bytes[24]), bytes[25])
  let samples = [2: 3, 4: 2, 6: 4][colorType] ?? 1
  return try ImageInfo(
    format: .png, width: bigEndian(bytes, 16), height: bigEndian(bytes, 20),
    channels: colorType & 2 == 0 ? 1 : 3,
    // Deflate shrinks by 1032 at most.
    pixelsPerByte: 1032 * 8 / max(depth * samples, 1))
}

/// The signature, the critical chunks and tRNS.
private func essentialChunks(_ bytes: [UInt8]) throws(ImageError) -> [UInt8] {
  var essential = signature
  essential.reserveCapacity(bytes.count)
  var position = signature.count
  while position + 12 <= bytes.count {
    let end = position + 12 + bigEndian(bytes, position)
    guard end <= bytes.count else { break }
    let type = bytes[position + 4..<position + 8]
    let isCritical = bytes[position + 4] & 0x20 == 0
    if isCritical || type.elementsEqual("tRNS".utf8) { essential += bytes[position..<end] }
    if type.elementsEqual("IEND".utf8) { return essential }
    position = end
  }
  throw .damaged(.png, "it ends before its last chunk; the file may have been cut off")
}

private func bigEndian(_ bytes: [UInt8], _ position: Int) -> Int {
  bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
}

private func message(of control: png_image) -> String {
  unsafe withUnsafeBytes(of: control.message) { bytes in
    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
