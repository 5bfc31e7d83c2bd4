import DurableIO
import Glibc
import Images
import Testing

import TestSupport
@testable import Datasets

@Suite struct IDXTests {
  let folder: TemporaryFolder
  let made = (0..<5).map { noise(height: 6, width: 4, channels: 1, seed: $0) }

  init() throws { folder = try TemporaryFolder() }

  @Test func plainCompressedAndSpilledFilesReadTheSame() throws {
    try AtomicFile.write(idx(made), to: folder("plain"))
    gzip(idx(made), to: folder("packed"))
    #expect(try images(IDXDataset(path: folder("plain"))) == made)
    #expect(try images(IDXDataset(path: folder("packed"))) == made)
    // Beyond the limit of memory, into a file.
    #expect(try images(IDXDataset(path: folder("packed"), memoryLimit: 10)) == made)
  }

  @Test(arguments: [1, 3, 5, 100]) func onlyTheFirstImagesAreUsed(limit: Int) throws {
    try AtomicFile.write(idx(made), to: folder("plain"))
    gzip(idx(made), to: folder("packed"))
    for name in ["plain", "packed"] {
      #expect(
        try images(IDXDataset(path: folder(name), limit: limit)) == Array(made.prefix(limit)))
    }
  }

  @Test func everyCutOffOrLongerFileIsRefused() throws {
    let whole = idx(made)
    gzip(whole, to: folder("packed"))
    let packed = try readFile(folder("packed"))
    for cut in whole.indices.map({ Array(whole[..<$0]) }) + [whole + [0]]
      + packed.indices.map({ Array(packed[..<$0]) })
    {
      try AtomicFile.write(cut, to: folder("cut"), synced: false)
      let error = #expect(throws: DatasetError.self) { try IDXDataset(path: folder("cut")) }
      #expect(error?.path == folder("cut") && error?.isTransient == false)
    }
    gzip(whole + [0], to: folder("longer"))
    #expect(throws: DatasetError.self) { try IDXDataset(path: folder("longer")) }
  }

  @Test func aChangedByteOfACompressedFileIsFound() throws {
    gzip(idx(made), to: folder("packed"))
    let packed = try readFile(folder("packed"))
    // Bits that mean nothing exist: in gzip's header, and where its last block is padded.
    var refused = 0
    for position in packed.indices {
      var bytes = packed
      bytes[position] ^= 0x10
      try AtomicFile.write(bytes, to: folder("bad"), synced: false)
      do {
        #expect(try images(IDXDataset(path: folder("bad"))) == made)
      } catch {
        refused += 1
      }
    }
    #expect(refused > packed.count - 12)
  }

  @Test func aFalsePromiseTakesNoMemory() throws {
    let header: [UInt8] = [0, 0, 8, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0x7F, 0xFF, 0, 0, 0x7F, 0xFF]
    gzip(header, to: folder("huge"))
    let error = #expect(throws: DatasetError.self) { try IDXDataset(path: folder("huge")) }
    #expect(error?.problem.contains("cannot hold") == true)
  }

  @Test func otherFilesAreRefusedByWhatTheyAre() throws {
    try AtomicFile.write(
      [0, 0, 8, 1, 0, 0, 0, 9] + [UInt8](repeating: 1, count: 9), to: folder("l"))
    let labels = #expect(throws: DatasetError.self) { try IDXDataset(path: folder("l")) }
    #expect(labels?.problem.contains("1-dimensional") == true)
    #expect(labels?.problem.contains("is this the labels file?") == true)
    let none = #expect(throws: DatasetError.self) { try IDXDataset(path: folder("none")) }
    #expect(none?.description.contains("No such file") == true)
    let itself = #expect(throws: DatasetError.self) { try IDXDataset(path: folder.path) }
    #expect(itself?.problem.contains("folder") == true)
  }

  /// The real thing, where it is installed.
  @Test(.enabled(if: unsafe access(fashionMNIST, R_OK) == 0))
  func readsFashionMNIST() throws {
    let dataset = try openDataset(
      path: fashionMNIST + "/train-images-idx3-ubyte.gz", format: .idx, size: 28, channels: 1)
    #expect((dataset.count, dataset.height, dataset.width, dataset.channels) == (60_000, 28, 28, 1))
    // Published mean of the training pixels: 0.2860 of 1.
    var sum = 0
    for index in stride(from: 0, to: 60_000, by: 20) {
      sum += try dataset.image(index).pixels.reduce(0) { $0 + Int($1) }
    }
    let mean = Double(sum) / Double(3000 * 784 * 255)
    #expect(abs(mean - 0.286) < 0.005)

    let enlarged = try openDataset(
      path: fashionMNIST + "/t10k-images-idx3-ubyte.gz", format: .idx, size: 32, channels: 3,
      limit: 10)
    #expect(enlarged.count == 10)
    #expect(try enlarged.image(9).pixels.count == 32 * 32 * 3)
  }
}

private let fashionMNIST = "/usr/share/datasets/fashion-mnist"
