import DurableIO
import Images
import TensorFiles
import Testing

import TestSupport
@testable import Datasets

@Suite struct CIFARTests {
  /// A batch as it is published: label, then red, green and blue planes.
  private func batch(_ images: [Image]) -> [UInt8] {
    images.flatMap { image in
      [7]
        + (0..<3).flatMap { c in
          stride(from: c, to: image.pixels.count, by: 3).map { image.pixels[$0] }
        }
    }
  }

  private let made = (0..<6).map { noise(height: 32, width: 32, channels: 3, seed: $0) }

  @Test func readsAFileOrTheTrainingBatchesOfAFolder() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write(batch(Array(made[0..<3])), to: folder("data_batch_1.bin"))
    try AtomicFile.write(batch(Array(made[3..<4])), to: folder("data_batch_2.bin"))
    try AtomicFile.write(batch(Array(made[4..<6])), to: folder("test_batch.bin"))
    try AtomicFile.write("airplane\n", to: folder("batches.meta.txt"))
    #expect(try images(CIFARDataset(path: folder.path)) == Array(made[0..<4]))
    #expect(try images(CIFARDataset(path: folder("test_batch.bin"))) == Array(made[4..<6]))
    #expect(try images(CIFARDataset(path: folder.path, limit: 2)) == Array(made[0..<2]))
  }

  @Test func namesTheFileAtFault() throws {
    let folder = try TemporaryFolder()
    #expect(throws: DatasetError.self) { try CIFARDataset(path: folder.path) }
    try AtomicFile.write(batch([made[0]]), to: folder("a.bin"))
    try AtomicFile.write([UInt8](repeating: 0, count: 3074), to: folder("b.bin"))
    let error = #expect(throws: DatasetError.self) { try CIFARDataset(path: folder.path) }
    #expect(error?.path == folder("b.bin"))
    #expect(error?.problem.contains("CIFAR-100") == true)
  }
}

@Suite struct NpyDatasetTests {
  private func write(_ images: [Image], to path: String) throws {
    let shape = [images.count, images[0].height, images[0].width, images[0].channels]
    try unsafe writeNpy(to: path, shape: shape) { index, pixels in
      _ = unsafe pixels.update(from: images[index].pixels)
    }
  }

  @Test(arguments: [1, 2, 3, 5]) func readsAnyNumberOfChannels(channels: Int) throws {
    let folder = try TemporaryFolder()
    let made = (0..<4).map { noise(height: 3, width: 5, channels: channels, seed: $0) }
    try write(made, to: folder("x.npy"))
    #expect(try images(NpyDataset(path: folder("x.npy"))) == made)
    #expect(try images(NpyDataset(path: folder("x.npy"), limit: 3)) == Array(made[..<3]))
  }

  @Test func opensAtAnotherSizeAndChannelCount() throws {
    let folder = try TemporaryFolder()
    let made = (0..<3).map { noise(height: 8, width: 12, channels: 3, seed: $0) }
    try write(made, to: folder("x.npy"))
    let dataset = try openDataset(path: folder("x.npy"), format: .npy, size: 4, channels: 1)
    let expected = try made.map {
      try $0.resampled(toHeight: 4, width: 4).converted(toChannels: 1)
    }
    #expect(try images(dataset) == expected)

    let error = #expect(throws: DatasetError.self) {
      try openDataset(path: folder("x.npy"), format: .npy, size: 8, channels: 4)
    }
    #expect(error?.problem.contains("in_channels to 3") == true)
  }

  @Test func imagesThatSeemToHaveTheirChannelsFirstAreToBeTransposed() throws {
    let folder = try TemporaryFolder()
    try unsafe writeNpy(to: folder("x.npy"), shape: [2, 3, 8, 8]) {
      (_, _: UnsafeMutableBufferPointer<UInt8>) in
    }
    let error = #expect(throws: DatasetError.self) {
      try openDataset(path: folder("x.npy"), format: .npy, size: 8, channels: 3)
    }
    #expect(error?.problem.contains("transpose(0, 2, 3, 1)") == true)
    #expect(error?.problem.contains("in_channels") == false)
  }

  @Test func otherArraysAreRefusedByWhatTheyAre() throws {
    let folder = try TemporaryFolder()
    try unsafe writeNpy(to: folder("f.npy"), shape: [2, 3, 3, 1]) {
      (_, _: UnsafeMutableBufferPointer<Float>) in
    }
    let floats = #expect(throws: DatasetError.self) { try NpyDataset(path: folder("f.npy")) }
    #expect(floats?.problem.contains("float32") == true)
    try unsafe writeNpy(to: folder("3.npy"), shape: [2, 3, 3]) {
      (_, _: UnsafeMutableBufferPointer<UInt8>) in
    }
    let flat = #expect(throws: DatasetError.self) { try NpyDataset(path: folder("3.npy")) }
    #expect(flat?.problem.contains("N×H×W×C") == true)
  }
}
