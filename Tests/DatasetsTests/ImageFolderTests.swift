import DurableIO
import Glibc
import Images
import Testing

import TestSupport
@testable import Datasets

@Suite struct ImageFolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func write(_ name: String, seed: Int, side: Int = 8) throws -> Image {
    let image = noise(height: side, width: side, channels: 3, seed: seed)
    let path = folder(name)
    try Directory.create(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
    try AtomicFile.write(encodePNG(image), to: path, synced: false)
    return image
  }

  private func open(
    limit: Int? = nil, channels: Int = 3, budget: ImageFolderDataset.Budget = .init()
  ) throws(DatasetError) -> ImageFolderDataset {
    try ImageFolderDataset(
      path: folder.path, size: 8, channels: channels, limit: limit, threads: 2, budget: budget)
  }

  @Test func readsBelowTheFolderInTheOrderOfPaths() throws {
    let names = ["b.png", "a/2.PNG", "a/1.png", "c/d/e.png", "B.png", "ä.png"]
    let made = try names.enumerated().map { try ($1, write($1, seed: $0)) }
    let sorted = made.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }.map(\.1)
    try AtomicFile.write("text", to: folder("labels.csv"))
    try AtomicFile.write("junk", to: folder(".hidden.png"))
    // What a loop of links would find again is not found twice.
    unsafe symlink(folder.path, folder("a/loop"))
    #expect(try images(open()) == sorted)
    #expect(try images(open(limit: 2)) == Array(sorted.prefix(2)))
    // Decoded when opened or when read: the same.
    #expect(try images(open(budget: .init(pixels: 0))) == sorted)
    #expect(try images(open(budget: .init(bytes: 0))) == sorted)
  }

  @Test func bringsAllImagesToOneSizeAndChannelCount() throws {
    try write("a.png", seed: 1, side: 8)
    try write("b.png", seed: 2, side: 20)
    let dataset = try open(channels: 1)
    #expect((dataset.height, dataset.width, dataset.channels) == (8, 8, 1))
    #expect(try images(dataset).allSatisfy { $0.pixels.count == 64 })
  }

  @Test func namesTheFirstDamagedFileAndCountsTheRest() throws {
    for seed in 0..<6 { try write("\(seed).png", seed: seed) }
    for name in ["4.png", "2.png"] {
      let whole = try readFile(folder(name))
      try AtomicFile.write(Array(whole.dropLast(20)), to: folder(name))
    }
    let error = #expect(throws: DatasetError.self) { try open() }
    #expect(error?.path == folder("2.png"))
    #expect(error?.problem.contains("1 more of 6 files") == true)
    // All are told, in order, up to twenty.
    var lines: [String] = []
    _ = try? openDataset(
      path: folder.path, format: .images, size: 8, channels: 3, report: { lines.append($0) })
    #expect(lines.map { $0.hasPrefix(folder("2.png")) } == [true, false])
    #expect(lines.last?.hasPrefix(folder("4.png") + ": the file is a damaged PNG") == true)
    for number in 10..<33 { try AtomicFile.write("", to: folder("\(number).png"), synced: false) }
    lines = []
    _ = try? openDataset(
      path: folder.path, format: .images, size: 8, channels: 3, report: { lines.append($0) })
    #expect(lines.count == 21 && lines.last == "and 5 more files")
    // The end is looked at even where nothing is decoded.
    #expect(throws: DatasetError.self) { try open(budget: .init(pixels: 0)) }
  }

  @Test func findsDamageInTheMiddleBeforeTrainingOrWhenReached() throws {
    try write("a.png", seed: 0)
    try write("b.png", seed: 1)
    var bytes = try readFile(folder("b.png"))
    bytes[bytes.count / 2] ^= 1
    try AtomicFile.write(bytes, to: folder("b.png"))
    let early = #expect(throws: DatasetError.self) { try open() }
    let dataset = try open(budget: .init(bytes: 0))
    _ = try dataset.image(0)
    let late = #expect(throws: DatasetError.self) { try dataset.image(1) }
    #expect(early?.path == folder("b.png"))
    #expect(early == late)
  }

  @Test func otherFoldersAreRefusedByWhatTheyHold() throws {
    let none = #expect(throws: DatasetError.self) { try open() }
    #expect(none?.path == folder.path)
    try write("a.png", seed: 0)
    try AtomicFile.write("text", to: folder("b.png"))
    let text = #expect(throws: DatasetError.self) { try open() }
    #expect(text?.description.contains("b.png: the file is neither a PNG nor a JPEG") == true)
    try AtomicFile.write("text", to: folder("b.webp"))
    let webp = #expect(throws: DatasetError.self) { try open() }
    #expect(webp?.path == folder("b.webp"))
    let channels = #expect(throws: DatasetError.self) { try open(channels: 4) }
    #expect(channels?.problem.contains(".npy") == true)
    let file = #expect(throws: DatasetError.self) {
      try openDataset(path: folder("a.png"), format: .images, size: 8, channels: 3)
    }
    #expect(file?.problem.contains("a folder of images is wanted") == true)
  }
}
