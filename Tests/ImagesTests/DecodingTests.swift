import DurableIO
import Images
import TestSupport
import Testing

@Suite struct DecodingTests {
  /// Bytes that need no arithmetic come exactly; rounding 16 bits or compositing may differ by one.
  @Test(arguments: [
    ("grey1", 0), ("grey2", 0), ("grey4", 0), ("grey8", 0), ("grey16", 1),
    ("greyalpha8", 1), ("greyalpha16", 1), ("rgb8", 0), ("rgb16", 1), ("rgba8", 1), ("rgba16", 1),
    ("palette1", 0), ("palette2", 0), ("palette4", 0), ("palette8", 0), ("palette4-alpha", 1),
    ("grey8-key", 0), ("rgb8-key", 0),
    ("grey1-interlaced", 0), ("rgb8-interlaced", 0), ("rgba16-interlaced", 1),
    ("palette4-interlaced", 0),
    ("rgb8-gamma", 0), ("grey16-gamma", 1), ("rgb8-profile", 0),
  ])
  func readsEveryKindOfPNG(name: String, tolerance: Int) throws {
    let path = fixture(name + ".png")
    let image = try loadImage(path: path)
    let difference = try #require(largestDifference(image, expectedImage(name + ".png.npy")))
    #expect(difference <= tolerance)
    let info = try inspectImage(path: path)
    #expect((info.height, info.width, info.channels) == (13, 17, image.channels))
  }

  @Test(arguments: ["grey", "rgb444", "rgb420", "progressive", "oriented"])
  func readsEveryKindOfJPEG(name: String) throws {
    let path = fixture(name + ".jpg")
    let image = try loadImage(path: path)
    let difference = try #require(largestDifference(image, expectedImage(name + ".jpg.npy")))
    #expect(difference <= 1, "decoders round differently by at most one")
    let info = try inspectImage(path: path)
    #expect((info.height, info.width, info.channels) == (29, 35, image.channels))
  }

  @Test func convertsChannelsAsPillow() throws {
    let luma = try loadImage(path: fixture("rgb420.jpg"), channels: 1)
    #expect(try #require(largestDifference(luma, expectedImage("rgb420-luma.npy"))) <= 1)

    let grey = try loadImage(path: fixture("grey8.png"))
    let rgb = try loadImage(path: fixture("grey8.png"), channels: 3)
    #expect(rgb.pixels == grey.pixels.flatMap { [$0, $0, $0] })
    #expect(try rgb.converted(toChannels: 1) == grey)
    #expect(throws: ImageError.channels(found: 1, wanted: 2)) { try grey.converted(toChannels: 2) }
  }

  @Test func refusesCMYK() throws {
    let error = #expect(throws: ImageError.self) { try inspectImage(path: fixture("cmyk.jpg")) }
    #expect(error?.description.contains("CMYK") == true)
    #expect(error?.description.contains("cmyk.jpg") == true)
    #expect(throws: ImageError.self) { try loadImage(path: fixture("cmyk.jpg")) }
  }

  @Test(arguments: ["rgb8-interlaced.png", "palette4-alpha.png", "rgb420.jpg", "progressive.jpg"])
  func everyCutOffFileIsRefused(name: String) throws {
    let folder = try TemporaryFolder()
    let whole = try readFile(fixture(name))
    for length in stride(from: 0, to: whole.count, by: 3) {
      let cut = Array(whole[..<length])
      #expect(throws: ImageError.self, "\(length) bytes") { try decodeImage(cut) }
      try AtomicFile.write(cut, to: folder("cut"), synced: false)
      #expect(throws: ImageError.self, "\(length) bytes") { try inspectImage(path: folder("cut")) }
    }
  }

  @Test(arguments: ["rgb8.png", "palette8.png", "rgba16-interlaced.png", "progressive.jpg"])
  func noChangedByteCrashes(name: String) throws {
    let whole = try readFile(fixture(name))
    var refused = 0
    for position in whole.indices {
      var bytes = whole
      bytes[position] ^= 0x55
      do {
        _ = try decodeImage(bytes)
      } catch {
        refused += 1
      }
    }
    // PNG's checksums find all but those in what is skipped; JPEG has none.
    #expect(refused > (name.hasSuffix("png") ? whole.count * 9 / 10 : whole.count / 10))
  }

  @Test func aHugeSizeIsRefusedBeforeMemoryIsTaken() throws {
    var png = try readFile(fixture("rgb8.png"))
    png.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    let side = 0x7FFF_FFFF
    #expect(throws: ImageError.tooManyPixels(width: side, height: side)) { try decodeImage(png) }
    png.replaceSubrange(16..<24, with: [0, 0, 0, 0, 0, 0, 0, 1])
    #expect(throws: ImageError.self) { try decodeImage(png) }
  }

  /// A short file may not claim an image that only a long one can hold.
  @Test(arguments: [("rgb8.png", 16), ("rgb444.jpg", nil)])
  func aSizeThatTheFileCannotHoldIsRefused(name: String, position: Int?) throws {
    var bytes = try readFile(fixture(name))
    if let position {
      bytes.replaceSubrange(position..<position + 8, with: [0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10])
    } else {
      let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xFF, 0xC0]) })
      bytes.replaceSubrange(frame + 5..<frame + 9, with: [0x27, 0x10, 0x27, 0x10])
    }
    let error = #expect(throws: ImageError.self) { try decodeImage(bytes) }
    #expect(error?.description.contains("promises 10000×10000 pixels") == true)
    let folder = try TemporaryFolder()
    try AtomicFile.write(bytes, to: folder(name))
    #expect(throws: ImageError.self) { try inspectImage(path: folder(name)) }
  }

  @Test func otherFilesAreRefusedByWhatTheyAre() throws {
    let folder = try TemporaryFolder()
    #expect(throws: ImageError.unknownFormat) { try decodeImage([]) }
    #expect(throws: ImageError.unknownFormat) { try decodeImage(Array("GIF89a".utf8)) }
    let error = #expect(throws: ImageError.self) { try loadImage(path: folder.path) }
    #expect(error?.description == "\(folder.path) cannot be read: Is a directory")
  }

  /// A profile that is longer than what is read at first comes before the size.
  @Test func findsASizeFarFromTheBeginning() throws {
    let folder = try TemporaryFolder()
    let whole = try readFile(fixture("grey.jpg"))
    let segment = [0xFF, 0xE2, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 0xFFFD)
    let long = Array(whole[..<2]) + segment + segment + Array(whole[2...])
    try AtomicFile.write(long, to: folder("long"))
    #expect(try inspectImage(path: folder("long")).width == 35)
    #expect(try loadImage(path: folder("long")) == loadImage(path: fixture("grey.jpg")))
  }
}
