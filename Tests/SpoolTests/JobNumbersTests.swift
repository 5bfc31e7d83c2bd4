import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

@Suite struct JobNumbersTests {
  @Test func areNotGivenAgainAfterAPurgeAndARestart() throws {
    let spool = try TestSpool()
    for round in 1...3 {
      try spool.drop("job.json", jobFile("job"))
      try spool.startDaemon()
      #expect(try spool.jobs()["job"]?.id == round)
      try Directory.removeTree(spool.layout.jobDirectory(round).path)
      try Directory.remove(spool.layout.queueEntry(round, .queued))
    }
  }

  @Test func areNotGivenAgainWhereverTheDaemonDies() throws {
    let spool = try TestSpool(onDisk: false)
    var seen: [Int] = []
    for index in stride(from: 0, to: 120, by: 3) {
      try spool.drop("job.json", jobFile("job"))
      Syscalls.$fileSystem.withValue(FaultPlan(at: index, .crash)) {
        guard var admission = try? spool.admission() else { return }
        _ = admission.scan()
      }
      try spool.startDaemon()
      let id = try #require(try spool.jobs()["job"]?.id)
      #expect(id > seen.last ?? 0)
      seen.append(id)
      try Directory.removeTree(spool.layout.jobDirectory(id).path)
      try Directory.remove(spool.layout.queueEntry(id, .queued))
    }
  }

  @Test func areNotUsedUpByFilesThatAreNoJobs() throws {
    let spool = try TestSpool()
    var admission = try spool.admission()
    try spool.drop("a.json", jobFile("a"))
    try spool.drop("b.json", cancelFile(1))
    try spool.drop("c.json", "{}")
    try spool.drop("d.json", jobFile("d"))
    #expect(admission.scan().count == 4)
    #expect(try spool.jobs()["d"]?.id == 2)
  }

  @Test(arguments: ["", "seven\n", "2", "-1\n", "\(Int.max)\n"]) func aDamagedCountIsNotGuessed(
    content: String
  ) throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    try spool.startDaemon()
    try AtomicFile.write(content, to: spool.layout.highestID)
    let error = #expect(throws: SpoolError.self) { try spool.admission() }
    #expect(error?.description.contains("highest number") == true)
    try AtomicFile.write("41\n", to: spool.layout.highestID)
    try spool.drop("next.json", jobFile("next"))
    try spool.startDaemon()
    #expect(try spool.jobs()["next"]?.id == 42)
  }

  @Test func aMissingCountIsNotGuessedEither() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    try spool.startDaemon()
    try Directory.remove(spool.layout.highestID)
    #expect(throws: SpoolError.self) { try spool.admission() }
    // A number that only the queue knows, as where a backup was restored in part.
    try Directory.removeTree(spool.layout.jobDirectory(1).path)
    let error = #expect(throws: SpoolError.self) { try spool.admission() }
    #expect(error?.description.contains("1 or more, but holds nothing") == true)
  }
}
