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
  _ = try pngInfo(bytes)
  let essential = try essentialChunks(bytes)

  var control = unsafe png_image()
  unsafe control.version = png_uint_32(PNG_IMAGE_VERSION)
  defer { unsafe png_image_free(&control) }
  let (height, width, samples, pixels) = try unsafe essential.withUnsafeBufferPointer {
    source throws(ImageError) -> (Int, Int, Int, [UInt8]) in
    guard unsafe png_image_begin_read_from_memory(&control, source.baseAddress, source.count) != 0
    else { throw unsafe .damaged(.png, message(of: control)) }
    // 8-bit samples of the file's own channels; bytes pass unchanged, 16 bits are only scaled.
    unsafe control.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA
    unsafe control.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
    let (height, width) = unsafe (Int(control.height), Int(control.width))
    let samples = unsafe Int(control.format) + 1
    var decoded: Int32 = 0
    let pixels = unsafe [UInt8](unsafeUninitializedCapacity: height * width * samples) {
      buffer, count in
      unsafe decoded = png_image_finish_read(&control, nil, buffer.baseAddress, 0, nil)
      count = height * width * samples
    }
    guard decoded != 0 else { throw unsafe .damaged(.png, message(of: control)) }
    return (height, width, samples, pixels)
  }
  let hasAlpha = samples == 2 || samples == 4
  return Image(
    height: height, width: width, channels: hasAlpha ? samples - 1 : samples,
    pixels: hasAlpha ? compositedOverWhite(pixels, samples: samples) : pixels)
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
  let colorType = bytes[25]
  return try ImageInfo(
    format: .png, width: bigEndian(bytes, 16), height: bigEndian(bytes, 20),
    channels: colorType & 2 == 0 ? 1 : 3)
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

/// Removes the last of `samples` interleaved samples, alpha, by compositing over white.
private func compositedOverWhite(_ pixels: [UInt8], samples: Int) -> [UInt8] {
  let channels = samples - 1
  let count = pixels.count / samples
  return unsafe [UInt8](unsafeUninitializedCapacity: count * channels) { opaque, initialized in
    for i in 0..<count {
      let alpha = Int(pixels[i * samples + channels])
      for c in 0..<channels {
        let sum = Int(pixels[i * samples + c]) * alpha + 255 * (255 - alpha)
        unsafe opaque[i * channels + c] = UInt8((sum + 127) / 255)
      }
    }
    initialized = count * channels
  }
}

private func bigEndian(_ bytes: [UInt8], _ position: Int) -> Int {
  bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
}

private func message(of control: png_image) -> String {
  unsafe withUnsafeBytes(of: control.message) { bytes in
    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
