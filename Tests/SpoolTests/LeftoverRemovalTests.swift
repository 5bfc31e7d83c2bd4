import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// What transfers that broke off have left in `drop/`.
@Suite struct LeftoverRemovalTests {
  private static let hour = 3600

  private func touch(_ path: String, seconds: Int) {
    let time = timeval(tv_sec: time(nil) + seconds, tv_usec: 0)
    #expect(unsafe utimes(path, [time, time]) == 0)
  }

  @Test func whatNobodyHasTouchedForADayGoes() throws {
    let spool = try TestSpool(onDisk: false)
    let drop = spool.layout.drop
    for name in [".a.json.Xf3a", ".b", ".copied", ".written", "half.json"] {
      try spool.drop(name, "{")
    }
    // A copy can have its original's times before it has its name.
    touch(drop + "/.copied", seconds: -1_000_000_000)
    touch(drop + "/.written", seconds: 24 * Self.hour)
    try Directory.create(drop + "/.folder")
    #expect(unsafe symlink(".b", drop + "/.link") == 0)
    #expect(unsafe mkfifo(drop + "/.pipe", 0o600) == 0)
    var admission = try spool.admission()
    spool.passTime(seconds: 23 * Self.hour)
    #expect(try admission.removeLeftovers(atMost: 9).removed.isEmpty)
    spool.passTime(seconds: 2 * Self.hour)
    #expect(try admission.removeLeftovers(atMost: 2).removed == [".a.json.Xf3a", ".b"])
    let rest = try admission.removeLeftovers(atMost: 2)
    #expect(rest.removed == [".copied"] && rest.troubles.isEmpty)
    #expect(
      try spool.names(drop) == [".folder", ".link", ".pipe", ".written", "half.json"])
    spool.passTime(seconds: 24 * Self.hour)
    #expect(try admission.removeLeftovers(atMost: 9).removed == [".written"])
  }

  /// A transfer keeps its day whatever the clock is set to meanwhile.
  @Test(arguments: [-1_000_000_000, -8, 8, 1_000_000_000])
  func aClockThatIsSetTakesNoFileFromItsWriter(seconds: Int) throws {
    let spool = try TestSpool(onDisk: false)
    try spool.drop(".job.json", "{")
    var admission = try spool.admission()
    #expect(admission.scan().isEmpty)
    spool.setClock(seconds: seconds)
    #expect(try admission.removeLeftovers(atMost: 9).removed.isEmpty)
    spool.passTime(seconds: 23 * Self.hour)
    #expect(try admission.removeLeftovers(atMost: 9).removed.isEmpty)
    spool.passTime(seconds: 2 * Self.hour)
    #expect(try admission.removeLeftovers(atMost: 9).removed == [".job.json"])
  }
}
