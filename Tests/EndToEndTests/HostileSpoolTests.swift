import Foundation
import Glibc
import Testing

/// A real ddpmd, and users who put into drop/ whatever they can.
@Suite(.timeLimit(.minutes(10))) struct HostileSpoolTests {
  /// Files that are no jobs, with a word of the reason.
  private static let contents: [(name: String, content: Data, reason: String)] = [
    ("bad-utf8", Data("{\"name\": \"".utf8) + [0xc3, 0x28] + Data("\"}".utf8), "not JSON"),
    ("deep", Data(repeating: UInt8(ascii: "["), count: 1 << 20), "not JSON"),
    ("twice", Data(#"{"schema": "ddpm.job/1", "schema": "ddpm.job/1"}"#.utf8), "not JSON"),
    ("huge-number", Data(held("x").replacing("64", with: "1" + zeros(400)).utf8), "not JSON"),
    ("too-many", Data(held("x").replacing("64", with: "1" + zeros(15)).utf8), "$.count"),
  ]

  @Test func whatIsNoJobIsRefusedAndCostsNothing() async throws {
    let desk = try Desk()
    let daemon = try await startDaemon(desk)
    let before = try memory(of: daemon)
    let drop = desk.root + "/spool/drop/"
    var reasons = ["pipe": "not a regular", "link": "symbolic link", "folder": "directory"]
    #expect(unsafe mkfifo(drop + "pipe.json", 0o644) == 0)
    #expect(unsafe symlink("/etc/shadow", drop + "link.json") == 0)
    #expect(unsafe mkdir(drop + "folder.json", 0o755) == 0)
    // /dev/zero, of which there is no end, where this user may make it.
    if unsafe mknod(drop + "device.json", S_IFCHR | 0o666, 0x105) == 0 {
      reasons["device"] = "not a regular"
    }
    let gibibyte = desk.root + "/large"
    try Data().write(to: URL(filePath: gibibyte))
    try #require(unsafe truncate(gibibyte, 1 << 30) == 0)
    #expect(unsafe rename(gibibyte, drop + "large.json") == 0)
    reasons["large"] = "1073741824 bytes"
    for (name, content, reason) in Self.contents {
      try content.write(to: URL(filePath: drop + "." + name))
      #expect(unsafe rename(drop + "." + name, drop + name + ".json") == 0)
      reasons[name] = reason
    }
    for (name, words) in reasons {
      try await until("\(name) is refused") { desk.exists("spool/rejected/\(name).json.reason") }
      let reason = try desk.text("spool/rejected/\(name).json.reason")
      #expect(reason.contains(words), "\(name): \(reason)")
    }
    #expect(try memory(of: daemon) - before < 8192, "in KiB")
    #expect(try await desk.submit(Self.held("good")) == 1)
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  @Test func aFloodIsAdmittedEachFileOnce() async throws {
    let desk = try Desk()
    let daemon = try await startDaemon(desk)
    daemon.send(SIGSTOP)
    for name in 0..<2000 {
      let path = desk.root + "/spool/drop/\(name).json"
      try Self.held("job-\(name)").write(toFile: path, atomically: false, encoding: .utf8)
    }
    daemon.send(SIGCONT)
    try await until("all are admitted") { try desk.names("lib/queue/held").count == 2000 }
    try await until("all are settled") { try desk.names("spool/claim").isEmpty }
    let ids = Set(try desk.names("lib/queue/held"))
    #expect(ids == Set((1...2000).map(String.init)))
    let names = try ids.map { id in
      try #require(try desk.text("lib/jobs/\(id)/job.json").firstMatch(of: /job-[0-9]+/)).output
    }
    #expect(Set(names).count == 2000)
    #expect(try desk.names("spool/drop") == [] && desk.names("spool/rejected") == [])
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// More happens in drop/ than the kernel's queue holds, and what is lost of it is the job.
  @Test func aLostHintDelaysNothing() async throws {
    let limit = "/proc/sys/fs/inotify/max_queued_events"
    let queue = try #require(
      Int(try String(contentsOfFile: limit, encoding: .utf8).dropLast()))
    let desk = try Desk()
    let daemon = try await startDaemon(desk)
    daemon.send(SIGSTOP)
    // Two in turns: the same of one file would be one hint.
    for index in 0...queue {
      let file = unsafe creat(desk.root + "/spool/drop/.\(index % 2)", 0o600)
      try #require(file >= 0)
      close(file)
    }
    try desk.drop("job.json", Self.held("job"))
    daemon.send(SIGCONT)
    // The rescan that needs no hint comes every 30 s.
    try await until("the job is admitted", within: .seconds(20)) {
      desk.exists("lib/queue/held/1")
    }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  @Test func aNarrowUmaskKeepsNobodyFromWork() async throws {
    let desk = try Desk()
    let narrow = ["/bin/sh", "-c", "umask 077; exec \"$0\" \"$@\""]
    let daemon = try await startDaemon(desk, by: narrow)
    let file = try desk.file(Self.held("private"))
    #expect(try await desk.run(["submit", file], by: narrow).output == "1\n")
    let copy = try Process.run(
      URL(filePath: narrow[0]),
      arguments: [
        narrow[1], narrow[2], "/bin/cp", file, desk.root + "/spool/drop/copy.json",
      ])
    copy.waitUntilExit()
    try await until("the copy is admitted") { desk.exists("lib/queue/held/2") }
    #expect(try await desk.run(["release", "1", "2"]).code == 0)
    try await until("both are done") { desk.isDone(1) && desk.isDone(2) }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// A daemon that is not root is told no by the kernel, and passes that on.
  @Test(.enabled(if: geteuid() == 0, "only root can be several users"))
  func whatTheDaemonMayNotReadItSays() async throws {
    let desk = try Desk(in: "nobody's")
    let (nobody, somebody) = (uid_t(65534), uid_t(1234))
    let program = desk.folder.path + "/ddpmd"
    try FileManager.default.copyItem(atPath: Program.path("ddpmd"), toPath: program)
    for path in [desk.folder.path, desk.root] { unsafe _ = chmod(path, 0o755) }
    unsafe _ = chown(desk.root, nobody, nobody)
    let asNobody = [
      "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c",
      "shift; exec \(program) \"$@\"", "sh",
    ]
    let daemon = try await startDaemon(desk, by: asNobody)
    let drop = desk.root + "/spool/drop/"
    unsafe _ = chmod(drop, 0o1777)
    func give(_ name: String, mode: mode_t) throws {
      #expect(unsafe chown(drop + name, somebody, somebody) == 0)
      #expect(unsafe chmod(drop + name, mode) == 0)
    }
    for name in ["folder.json", "folder"] {
      #expect(unsafe mkdir(drop + name, 0o700) == 0)
      try give(name, mode: 0o700)
    }
    for (name, mode) in [("secret.json", 0o600), ("none.json", 0)] {
      try desk.drop(".\(name)", Self.held("secret"))
      try give(".\(name)", mode: mode_t(mode))
      #expect(unsafe rename(drop + ".\(name)", drop + name) == 0)
    }
    try desk.drop("open.json", Self.held("open"))
    try await until("the open file is admitted") { desk.exists("lib/queue/held/1") }
    for (name, words) in [
      ("secret.json", "permissions like 0644"), ("none.json", "permissions like 0644"),
      ("folder.json", "rm -r \(drop)folder.json"), ("folder", "rm -r \(drop)folder"),
    ] {
      try await until("\(name) is refused") {
        (try? desk.text("spool/rejected/\(name).reason").contains(words)) == true
      }
    }
    #expect(try desk.names("spool/drop") == ["folder", "folder.json"], "nobody can move them")
    let status = try await desk.run(["status"]).output
    #expect(!status.contains("Permission denied"), "\(status)")

    #expect(unsafe rmdir(drop + "folder.json") == 0)
    try desk.drop("folder.json", Self.held("file"))
    try await until("a file of that name is admitted") { desk.exists("lib/queue/held/2") }
    daemon.send(SIGTERM)
    #expect(try await daemon.end() == 0)
  }

  /// Starts a daemon whose workers are done at once.
  private func startDaemon(_ desk: Desk, by launcher: [String] = []) async throws -> Program {
    try desk.folder.write(
      "worker", "#!/bin/sh\nmkdir \"$1/results\"\necho '{\"finished\": true}'\n", mode: 0o755)
    return try await desk.startDaemon(["--worker", desk.folder.path + "/worker"], by: launcher)
  }

  /// The most memory that the daemon has had, in KiB.
  private func memory(of daemon: Program) throws -> Int {
    let status = try String(
      contentsOfFile: "/proc/\(daemon.processID)/status", encoding: .utf8)
    let peak = try #require(status.firstMatch(of: /VmHWM:\s*([0-9]+) kB/)).output.1
    return try #require(Int(peak))
  }

  private static func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

  private static func held(_ name: String) -> String {
    """
    {"schema": "ddpm.job/1", "kind": "sample", "name": "\(name)", "seed": 1, "count": 64,
     "model": {"path": "/model"}, "queue": {"hold": true}}
    """
  }
}
