import DurableIO
import Foundation
import Images
import Jobs
import Spool
import Testing

@testable import ddpmctl

@Suite struct TopScreenTests {
  private func row(_ id: Int) -> TopScreen.Row {
    let progress = ProgressLine(
      title: "", shortTitle: "", unit: "step",
      progress: Jobs.Progress(step: 7, steps: 10, loss: 0.5, imagesPerSecond: 41, secondsLeft: 90))
    return TopScreen.Row(
      id: id, name: "job-\(id)", kind: "train", state: id == 1 ? "running" : "queued",
      progress: id == 1 ? progress : nil, reason: id == 1 ? nil : "waits for a worker")
  }

  private func screen(rows: Int, selected: Int = 0, plot: Bool = true) -> TopScreen {
    var screen = TopScreen()
    screen.daemon = "ddpmd is running (process 12)"
    screen.rows = (0..<rows).map { row($0 + 1) }
    screen.selected = selected
    let points = (1...90).map { (x: Double($0), y: 1 / Double($0)) }
    if plot {
      screen.plot = Images.Plot(title: "the curve", xLabel: "x", yLabel: "y", points: points)
    }
    return screen
  }

  @Test(arguments: [1, 20, 40, 80, 200], [1, 2, 5, 12, 24, 60])
  func theScreenIsFilledAndNotMore(width: Int, height: Int) {
    for (rows, plot) in [(0, false), (0, true), (1, true), (3, false), (100, true)] {
      for isColored in [true, false] {
        let lines = screen(rows: rows, selected: rows / 2, plot: plot).lines(
          width: width, height: height, isUnicode: true, isColored: isColored)
        #expect(lines.count == height)
        for line in lines {
          let plain = line.replacing(/\u{1B}\[[0-9]+m/, with: "")
          #expect(plain.count <= max(width - 1, 1))
          #expect(isColored || plain == line)
        }
      }
    }
  }

  @Test func everythingHasItsPlace() {
    let lines = screen(rows: 3).lines(width: 100, height: 30, isUnicode: true, isColored: false)
    #expect(lines[0] == "ddpmctl top   ddpmd is running (process 12)")
    #expect(lines[4].hasPrefix("> 1    job-1  train  running  70%, step 7/10, loss 0.500"))
    #expect(lines[5].hasSuffix("queued   waits for a worker"))
    #expect(lines.contains("the curve"))
    #expect(lines.last == TopScreen.keys)
  }

  /// Of a long queue the part around the selection shows.
  @Test(arguments: [0, 1, 50, 98, 99]) func theSelectedJobIsSeen(selected: Int) {
    let lines = screen(rows: 100, selected: selected).lines(
      width: 100, height: 24, isUnicode: true, isColored: false)
    #expect(lines.filter { $0.hasPrefix("> ") }.count == 1)
    #expect(lines.contains { $0.hasPrefix("> \(selected + 1) ") })
    #expect(lines.contains("the curve"))
  }
}

@Suite struct MachineTests {
  @Test func theKernelIsUnderstood() throws {
    let before = try #require(ProcessorTime(parsing: "cpu  100 0 50 800 50 0 0 0 9 9\ncpu0 1\n"))
    let after = try #require(ProcessorTime(parsing: "cpu  150 0 75 820 55 0 0 0 9 9\n"))
    #expect(after.load(since: before) == 0.75)
    #expect(before.load(since: before) == nil)
    let memory = try #require(
      MemoryUse(parsing: "MemTotal: 2000000 kB\nMemFree: 1 kB\nMemAvailable: 500000 kB\n"))
    #expect(memory.total == 2_048_000_000 && memory.available == 512_000_000)
    let load = MachineLoad(processors: 0.75, memory: memory, freeDisk: 12_340_000_000)
    #expect(load.text == "CPU 75%   memory 1.54 of 2.05 GB   12.3 GB of disk free")
    let name = ProcessInfo.processInfo.hostName.split(separator: ".").first ?? ""
    #expect(machineText().hasPrefix(name) && machineText().contains(" of memory, Linux "))
    #expect(ProcessorTime(parsing: "") == nil && MemoryUse(parsing: "") == nil)
    #expect(try ProcessorTime(parsing: #require(procFile("stat"))) != nil)
    #expect(try MemoryUse(parsing: #require(procFile("meminfo"))) != nil)
  }
}

@Suite struct TrainingRecordTests {
  @Test func onlyWhatIsNewIsReadAndDoneStepsAreReplaced() throws {
    let bench = try Bench()
    let directory = bench.layout.jobDirectory(1)
    try Directory.create(directory.path)
    func write(_ text: String) throws { try AtomicFile.write(text, to: directory.metrics) }
    func line(_ step: Int, _ loss: Double) -> String { "{\"step\": \(step), \"loss\": \(loss)}\n" }
    var record = try TrainingRecord(directory)
    #expect(record.steps.isEmpty)
    try write(line(1, 1) + line(2, 2) + "{\"st")
    try record.update()
    #expect(record.points(.loss).map(\.y) == [1, 2])
    try write(line(1, 1) + line(2, 2) + line(3, 3))
    try record.update()
    #expect(record.points(.loss).map(\.y) == [1, 2, 3])
    // A killed worker's run goes on from the checkpoint of step 1.
    try write(line(1, 1))
    try record.update()
    try write(line(1, 1) + line(2, 5))
    try record.update()
    #expect(record.points(.loss).map(\.x) == [1, 2])
    #expect(record.points(.loss).map(\.y) == [1, 5])
  }
}

@Suite(.timeLimit(.minutes(10)), .enabled(if: TerminalSession.isPossible))
struct TopCommandTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  @Test(arguments: ["q", "C-c", "TERM"]) func isAScreenOfItsOwnUntilItEnds(_ end: String)
    async throws
  {
    try bench.admit("runs", kind: "train", .running)
    try bench.admit("waits", .queued)
    let directory = bench.layout.jobDirectory(1)
    let lines = (1...50).map { "{\"step\": \($0), \"loss\": \(1 / Double($0))}\n" }
    try AtomicFile.write(lines.joined(), to: directory.metrics)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let terminal = try TerminalSession(bench, "/bin/sh", width: 90, height: 30)
    try terminal.type("echo before; ddpmctl top; stty -a; echo ended $?\n")
    var screen = try await terminal.screen { $0.contains("train runs (job 1)") }
    #expect(screen.contains("> 1    runs") && screen.contains("2    waits"))
    #expect(screen.contains("optimizer step") && !screen.contains("before"))
    #expect(screen.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) })
    try terminal.press("Down")
    try terminal.press("c")
    try await terminal.screen { $0.contains("cancel sample waits (job 2)?") }
    try terminal.press("n")
    // Another size.
    try terminal.resize(width: 60, height: 20)
    screen = try await terminal.screen { $0.contains("h hold, release") }
    #expect(screen.split(separator: "\n", omittingEmptySubsequences: false).count <= 21)
    if end == "TERM" {
      let shell = try terminal.process()
      let child = try String(
        contentsOfFile: "/proc/\(shell)/task/\(shell)/children", encoding: .utf8)
      kill(try #require(Int32(child.trimmingCharacters(in: .whitespaces))), SIGTERM)
    } else {
      try terminal.press(end)
    }
    screen = try await terminal.screen { $0.contains("ended 0") }
    #expect(screen.contains("before") && !screen.contains("h hold, release"))
    #expect(screen.contains(" icanon ") && screen.contains(" echo "))
    #expect(try Directory.names(in: bench.layout.drop).isEmpty)
  }

  /// Of a long queue no more is read than somebody looks at.
  @Test func ofALongQueueItShowsTheBeginning() async throws {
    try bench.admit("first", .queued)
    for id in 2...230 {
      try Directory.create(bench.layout.jobDirectory(id).path)
      try AtomicFile.write("{}", to: bench.layout.queueEntry(id, .queued), synced: false)
    }
    try JobQueue(bench.layout).move(230, from: .queued, to: .running)
    let terminal = try TerminalSession(bench, "/bin/sh", width: 90, height: 30)
    try terminal.type("ddpmctl top\n")
    let screen = try await terminal.screen { $0.contains("29 more jobs wait") }
    #expect(screen.contains("> 230  ?") && screen.contains("  1    first"))
    try terminal.press("q")
  }
}
