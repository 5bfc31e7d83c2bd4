import ArgumentParser
import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

@testable import ddpmctl

/// Several files that are submitted at once.
@Suite(.timeLimit(.minutes(3))) struct SubmitTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  /// Submits one file for each of the jobs.
  private func submit(_ options: [String] = [], _ jobs: JSONValue...) throws -> (
    files: [String], output: String, errors: String, code: Int32
  ) {
    let files = try jobs.map(bench.file)
    let (output, errors, code) = try bench.run(["submit"] + options + files)
    return (files, output, errors, code)
  }

  private func job(_ name: String, _ keys: JSONObject = [:]) throws -> JSONValue {
    var job = try #require(Bench.job(named: name, kind: "train").object)
    for (key, value) in keys.members { job[key] = value }
    return .object(job)
  }

  @Test func allAreCheckedBeforeAnyIsSubmitted() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let (files, output, errors, code) = try submit(
      [], job("a"), ["schema": "ddpm.job/1"], job("b"), job("c", ["name": ""]))
    #expect(output == "" && code == 65)
    for wrong in [files[1], files[3]] { #expect(errors.contains("ddpmctl: \(wrong): $")) }
    #expect(!errors.contains(files[0]) && !errors.contains(files[2]))
    #expect(try SpoolReader(bench.layout).jobs().isEmpty)
    let absent = try bench.run(["submit", files[0], "/absent.json"])
    #expect(absent.output == "" && absent.code == 1)
    #expect(try SpoolReader(bench.layout).jobs().isEmpty)
    let keyed = try submit(["--key", "k"], job("a"), job("b"))
    #expect(keyed.code == 64 && keyed.errors.contains("$.queue.idempotency_key"))
  }

  @Test func theirNumbersAreInTheirOrder() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let (_, output, errors, code) = try submit(
      ["--priority", "2"], job("a"), job("b", ["array": ["seed": [1, 2, 3]]]), job("c"))
    #expect(output == "1\n2-4\n5\n" && errors == "" && code == 0)
    let jobs = try SpoolReader(bench.layout).jobs()
    #expect(jobs.compactMap(\.envelope?.spec.name) == ["a", "b", "b", "b", "c"])
    #expect(jobs.map(\.entry.priority) == [2, 2, 2, 2, 2])
  }

  @Test func aModelMayBeThatOfAFileBefore() throws {
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    let reader = try job("reader", ["init": ["job": "maker"]])
    #expect(try submit([], job("maker"), reader).errors == "")
    let (files, _, errors, code) = try submit(
      [], job("x", ["init": ["job": "later"]]), job("later"))
    #expect(errors.hasPrefix("\(files[0]): warning: $.init.job: there is no job later so far"))
    #expect(code == 0)
  }

  @Test func whatIsRefusedDoesNotKeepTheOthers() throws {
    let daemon = try AdmittingDaemon(bench, end: .failed, reason: "no luck")
    defer { daemon.stop() }
    let wrong = try job("b", ["queue": ["after": [["job": 99]]]])
    let (files, output, errors, code) = try submit([], job("a"), wrong, job("c"))
    #expect(output.split(separator: "\n").count == 2)
    #expect(errors.hasPrefix("ddpmctl: \(files[1]): the job was refused: "))
    #expect(code == 65)
    let waited = try submit(["--wait"], job("d"), job("e"))
    #expect(waited.code == 1)
    for name in ["d", "e"] { #expect(waited.errors.contains("train \(name) (job")) }
    #expect(
      waited.errors.split(separator: "failed: no luck", omittingEmptySubsequences: false).count
        == 3)
  }

  @Test func withoutADaemonAllLieInDrop() throws {
    let (files, output, errors, code) = try submit([], job("a"), job("b"), job("c"))
    #expect(output == "" && code == 75)
    for file in files { #expect(errors.contains("ddpmctl: \(file): ddpmd is not running")) }
    // In the order of their names, too: that is how they are taken in.
    let names = try Directory.names(in: bench.layout.drop)
    let jobs = try names.map { try JSONValue(parsing: readFile("\(bench.layout.drop)/\($0)")) }
    #expect(jobs.map { $0["name"] } == ["a", "b", "c"])
  }

  @Test func whereARefusalWillBeSeenIsSaidBefore() throws {
    try bench.admit("a", .queued)
    let (_, errors, code) = try bench.run(["cancel", "a"])
    #expect(code == 75)
    let command = try #require(try Directory.names(in: bench.layout.drop).first)
    let place = "\(bench.layout.rejected)/\(command).reason"
    #expect(errors.hasSuffix("; were it refused then, the reason would be in \(place)\n"))
    try JobQueue(bench.layout).move(1, from: .queued, to: .done)
    let daemon = try AdmittingDaemon(bench)
    defer { daemon.stop() }
    while try !Directory.names(in: bench.layout.drop).isEmpty { usleep(1000) }
    while try !Directory.exists(place) { usleep(1000) }
    #expect(try String(decoding: readFile(place), as: UTF8.self).contains("done"))
  }

  @Test func theWorstOfSeveralTroublesCounts() throws {
    let codes = [Exit.interrupted, Exit.wrongFile, Exit.undecided, Exit.failed, Exit.cancelled]
    for (rank, worst) in codes.enumerated() {
      for other in codes[rank...] {
        for order in [[worst, other], [other, worst]] {
          var troubles = Troubles()
          order.forEach { troubles.add($0) }
          #expect(throws: worst) { try troubles.end() }
        }
      }
    }
    try Troubles().end()
  }
}
