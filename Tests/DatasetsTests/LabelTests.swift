import DurableIO
import Images
import TensorCore
import TensorFiles
import Testing

import TestSupport
@testable import Datasets

/// What the images of each format show.
@Suite struct LabelTests {
  let folder: TemporaryFolder
  let made = (0..<4).map { noise(height: 6, width: 4, channels: 1, seed: $0) }

  init() throws { folder = try TemporaryFolder() }

  private func open(
    _ name: String, _ format: DatasetFormat, limit: Int? = nil,
    _ source: LabelSource = LabelSource()
  ) throws(DatasetError) -> any Dataset {
    let path = name.isEmpty ? folder.path : folder(name)
    return try openDataset(
      path: path, format: format, size: 8, channels: 1, limit: limit, labels: source)
  }

  private func problem(
    _ name: String, _ format: DatasetFormat, limit: Int? = nil,
    _ source: LabelSource = LabelSource()
  ) -> String {
    let error = #expect(throws: DatasetError.self) { try open(name, format, limit: limit, source) }
    return error?.description ?? ""
  }

  private func idxLabels(_ labels: [UInt8]) -> [UInt8] {
    [0, 0, 8, 1] + bigEndian(labels.count) + labels
  }

  @Test(arguments: [
    ("t-images-idx3-ubyte", "t-labels-idx1-ubyte"),
    ("t-images.idx3-ubyte", "t-labels.idx1-ubyte.gz"),
    ("t-images-idx3-ubyte.gz", "t-labels-idx1-ubyte.gz"),
    ("images.gz", "labels"),
  ])
  func ofIDXFilesAreBesideThem(images: String, labels: String) throws {
    func write(_ bytes: [UInt8], _ name: String) throws {
      if name.hasSuffix(".gz") { return gzip(bytes, to: folder(name)) }
      try AtomicFile.write(bytes, to: folder(name))
    }
    try write(idx(made), images)
    try write(idxLabels([2, 0, 4, 2]), labels)
    let dataset = try open(images, .idx)
    #expect(
      dataset.labels == Labels(classes: ["0", "1", "2", "3", "4"], numbers: [2, 0, 4, 2]))
    #expect(try open(images, .idx, limit: 2).labels?.numbers == [2, 0])
    #expect(try open(images, .idx, limit: 2).labels?.classes.count == 5)
    let named = try open(images, .idx, LabelSource(names: ["a", "b", "c", "d", "e", "f"]))
    #expect(named.labels?.classes == ["a", "b", "c", "d", "e", "f"])
    #expect(try openDataset(path: folder(images), format: .idx, size: 8, channels: 1).labels == nil)
  }

  @Test func idxLabelsThatDoNotFitAreRefused() throws {
    try AtomicFile.write(idx(made), to: folder("images"))
    #expect(problem("images", .idx).contains("not beside it: no \(folder("labels"))"))
    try AtomicFile.write(idx(made), to: folder("pictures"))
    #expect(problem("pictures", .idx).contains("name their file"))

    let few = LabelSource(path: folder("few"))
    try AtomicFile.write(idxLabels([1, 2, 3]), to: folder("few"))
    #expect(problem("images", .idx, few).contains("4 images and 3 labels"))
    #expect(problem("images", .idx, limit: 4, few).contains("4 images and 3 labels"))
    _ = try open("images", .idx, limit: 3, few)
    try AtomicFile.write(idxLabels([1, 2, 3, 4, 5]), to: folder("many"))
    #expect(
      problem("images", .idx, LabelSource(path: folder("many"))).contains("4 images and 5 labels"))

    let labels = idxLabels([0, 1, 9, 1])
    try AtomicFile.write(labels, to: folder("labels"))
    #expect(
      problem("images", .idx, LabelSource(names: ["x", "y"])).contains(
        "the label of image 2, counted from 0, is 9; allowed are 0 to 1"))
    for bytes in labels.indices.map({ Array(labels[..<$0]) }) + [labels + [0], idx(made)] {
      try AtomicFile.write(bytes, to: folder("labels"), synced: false)
      #expect(problem("images", .idx).hasPrefix(folder("labels")))
    }
    gzip([0, 0, 8, 1, 0xFF, 0xFF, 0xFF, 0xFF], to: folder("labels"))
    #expect(problem("images", .idx).contains("promises 4294967295 labels"))
  }

  @Test func ofFoldersAreTheFirstSubfolders() throws {
    for name in ["cat/2.png", "dog/1.png", "cat/deep/1.png", "cat-like/x.png"] {
      try Directory.create(folder(String(name[..<(name.lastIndex(of: "/") ?? name.startIndex)])))
      try AtomicFile.write(encodePNG(made[0]), to: folder(name), synced: false)
    }
    // In the order of paths, '-' is before '/'; the classes are in the order of names.
    let expected = Labels(classes: ["cat", "cat-like", "dog"], numbers: [1, 0, 0, 2])
    #expect(try open("", .images).labels == expected)
    #expect(
      try openDataset(
        path: folder.path + "/", format: .images, size: 8, channels: 1, labels: LabelSource()
      ).labels == expected)
    #expect(try open("", .images, limit: 2).labels == expected[0..<2])

    try AtomicFile.write(encodePNG(made[0]), to: folder("stray.png"))
    #expect(problem("", .images).hasPrefix(folder("stray.png")))
  }

  @Test func ofCIFARAreInTheRecords() throws {
    let labels: [UInt8] = [3, 9, 0]
    try AtomicFile.write(
      labels.flatMap { [$0] + [UInt8](repeating: 1, count: 3072) }, to: folder("data_batch_1.bin"))
    try AtomicFile.write([7] + [UInt8](repeating: 2, count: 3072), to: folder("data_batch_2.bin"))
    let numbers = (0..<10).map(String.init)
    #expect(try open("", .cifar10).labels == Labels(classes: numbers, numbers: [3, 9, 0, 7]))
    #expect(try open("", .cifar10, limit: 2).labels?.numbers == [3, 9])

    let names = ["airplane", "bird", "c", "d", "e", "f", "g", "h", "i", "truck"]
    try AtomicFile.write(
      names.joined(separator: "\n") + "\n\n", to: folder("batches.meta.txt"))
    #expect(try open("", .cifar10).labels?.classes == names)
    #expect(try open("data_batch_1.bin", .cifar10).labels?.classes == names)
    #expect(try open("", .cifar10, LabelSource(names: numbers)).labels?.classes == numbers)
    #expect(problem("", .cifar10, LabelSource(names: ["a"])).contains("is 3; allowed are 0 to 0"))
  }

  @Test func ofArraysAreIntegersInAnArray() throws {
    try unsafe writeNpy(to: folder("x.npy"), shape: [3, 8, 8, 1]) {
      (_, _: UnsafeMutableBufferPointer<UInt8>) in
    }
    func write<Element: NpyElement & BinaryInteger>(_ labels: [Element]) throws {
      try unsafe writeNpy(to: folder("l.npy"), shape: [labels.count]) { index, element in
        unsafe element[0] = labels[index]
      }
    }
    let source = LabelSource(path: folder("l.npy"))
    let expected = Labels(classes: ["0", "1", "2"], numbers: [0, 2, 1])
    try write([0, 2, 1] as [UInt8])
    #expect(try open("x.npy", .npy, source).labels == expected)
    try write([0, 2, 1] as [Int32])
    #expect(try open("x.npy", .npy, source).labels == expected)
    try write([0, 2, 1] as [Int64])
    #expect(try open("x.npy", .npy, source).labels == expected)

    try write([0, -1, 1] as [Int64])
    #expect(problem("x.npy", .npy, source).contains("is -1; allowed are 0 to 65535"))
    try write([0, 1 << 40, 1] as [Int64])
    #expect(problem("x.npy", .npy, source).contains("allowed are 0 to 65535"))
    #expect(problem("x.npy", .npy).contains("name the .npy file of their labels"))
    #expect(
      problem("x.npy", .npy, LabelSource(path: folder("x.npy"))).contains(
        "uint8 of shape [3, 8, 8, 1]"))
    try unsafe writeNpy(to: folder("f.npy"), shape: [3]) {
      (_, _: UnsafeMutableBufferPointer<Float>) in
    }
    #expect(problem("x.npy", .npy, LabelSource(path: folder("f.npy"))).contains("float32"))
  }

  /// Labels come with the pixels that they are of, whatever the order and the conversion.
  @Test func comeWithTheirImages() throws {
    let images = (0..<7).map { Image(height: 4, width: 4, color: [UInt8($0 * 10)]) }
    try AtomicFile.write(idx(images), to: folder("images"))
    try AtomicFile.write(idxLabels((0..<7).map { UInt8($0) }), to: folder("labels"))
    let loader = BatchLoader(
      dataset: try open("images", .idx),
      order: EpochShuffle(count: 7, random: Philox(seed: 1, stream: 9)), batchSize: 3)
    for _ in 0..<10 {
      let batch = try loader.next()
      #expect(batch.labels == (0..<3).map { Int(batch.pixels[$0 * 64]) / 10 })
    }
  }
}
