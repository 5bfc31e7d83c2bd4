import DurableIO
import Foundation
import Jobs
import StrictJSON
import Testing

@testable import JobRunner

@Suite struct CRC32CTests {
  /// RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms.
  @Test(
    arguments: [
      (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      (Array((0..<32).reversed()), 0x113F_DB5C), ([], 0),
    ] as [([UInt8], UInt32)])
  func publishedValues(_ bytes: [UInt8], _ checksum: UInt32) {
    #expect(CRC32C.checksum(bytes) == checksum)
  }
}

@Suite struct TensorBoardTests {
  private let jobs: Jobs

  init() throws { jobs = try Jobs() }

  private func path(_ id: Int) -> String {
    jobs.directory(id).tensorBoard + "/test/events.out.tfevents.0.ddpmd"
  }

  /// The file without what differs from run to run: times, speeds, and what covers them.
  private func masked(_ id: Int) throws -> [UInt8] {
    var bytes = try readFile(path(id))
    let text = Data(bytes)
    var start = 0
    while start < bytes.count {
      let count = bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let event = start + 12..<start + 12 + count
      // The time is an event's first field.
      #expect(bytes[event.lowerBound] == 1 << 3 | 1)
      var blank = Array(event.lowerBound + 1..<event.lowerBound + 9)
      blank += event.upperBound..<event.upperBound + 4
      let tag = Data("train/images_per_second".utf8)
      if let place = text.range(of: tag, in: event) {
        blank += place.upperBound + 1..<place.upperBound + 5
      }
      for index in blank { bytes[index] = 0 }
      start = event.upperBound + 4
    }
    #expect(start == bytes.count)
    return bytes
  }

  private func train(_ id: Int, steps: Int = 12) throws {
    try jobs.add(id, jobs.train(previews: true) { $0.holdout = HoldoutSpec(.images(4)) })
  }

  @Test func interruptionsLeaveTheSameFile() throws {
    for id in 1...3 { try train(id) }
    #expect(try jobs.run(1).code == WorkerExit.finished)
    #expect(try jobs.runInPieces(2, polls: [40, 90, 300]) > 2)
    #expect(try masked(2) == masked(1))
    // A run that is killed, and has lost what its last checkpoint does not cover.
    let directory = jobs.directory(3)
    #expect(try jobs.run(3, stopAfter: 150).code == WorkerExit.stopped)
    let log = try OpenFile(path(3), flags: O_RDWR)
    let size = try log.status().size
    try #require(size > 2000)
    try log.truncate(to: size - 7)
    try Directory.removeTree(directory.checkpoints)
    #expect(try jobs.run(3).code == WorkerExit.finished)
    #expect(try masked(3) == masked(1))
  }

  /// What is missing or damaged comes again from the job's own logs.
  @Test func aSpoiltFileIsMadeWhole() throws {
    for id in 1...3 { try train(id) }
    try jobs.run(1)
    for id in 2...3 { #expect(try jobs.run(id, stopAfter: 100).code == WorkerExit.stopped) }
    try Directory.removeTree(jobs.directory(2).tensorBoard)
    var bytes = try readFile(path(3))
    bytes[bytes.count / 2] ^= 1
    try AtomicFile.write(bytes, to: path(3))
    for id in 2...3 {
      #expect(try jobs.run(id).code == WorkerExit.finished)
      // In an order of its own, but all of it.
      #expect(try masked(id).sorted() == masked(1).sorted())
    }
  }
}
