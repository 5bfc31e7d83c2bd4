import DurableIO
import Foundation
import Jobs
import Spool
import StrictJSON
import Testing

@testable import ddpmctl

@Suite struct JobDifferenceTests {
  @Test func whatDiffersIsFoundAtItsPath() throws {
    let files: [JSONValue] = [
      ["a": 1, "b": ["c": [1, 2], "d": "x"], "e": [["f": 1], ["f": 2]], "only": true],
      ["b": ["d": "x", "c": [1, 3]], "a": 1, "e": [["f": 1], ["f": 3]], "new": [:]],
    ]
    let differences = JobDifference.all(of: files)
    #expect(differences.map(\.path) == ["$.b.c", "$.e[1].f", "$.only", "$.new"])
    #expect(
      unifiedDiff(files, titles: ["old", "new"]) == [
        "--- old", "+++ new", "-$.b.c: [1, 2]", "+$.b.c: [1, 3]", "-$.e[1].f: 2", "+$.e[1].f: 3",
        "-$.only: true", "+$.new: {}",
      ])
    #expect(unifiedDiff([files[0], files[0]], titles: ["", ""]) == [])
  }

  @Test func aMissingSectionIsOnePlaceOrMany() {
    let files: [JSONValue] = [["unet": ["a": 1, "b": 2]], ["init": ["job": 1]]]
    #expect(JobDifference.all(of: files).map(\.path) == ["$.unet.a", "$.unet.b", "$.init.job"])
    #expect(
      JobDifference.all(of: files, wholeSections: true).map(\.path) == ["$.unet", "$.init"])
  }

  @Test func ofSeveralOneMayDiffer() {
    let differences = JobDifference.all(of: [["a": 1], ["a": 1], ["a": 2]])
    #expect(differences.map(\.values) == [[1, 1, 2]])
  }
}

/// The real program.
@Suite(.timeLimit(.minutes(10))) struct CompareTests {
  private let bench: Bench

  init() throws { bench = try Bench() }

  @Test func diffEndsLikeDiff() throws {
    for name in ["a", "b"] { try bench.admit(name, kind: "train", .done) }
    let differing = try bench.run(["diff", "a", "b"])
    #expect(differing.code == 1)
    #expect(
      differing.output
        == "--- train a (job 1)\n+++ train b (job 2)\n-$.name: \"a\"\n+$.name: \"b\"\n")
    let same = try bench.run(["diff", "a", "a"])
    #expect(same.code == 0 && same.output.isEmpty)
    #expect(try bench.run(["diff", "a", "nobody"]).code == 2)
  }

  @Test func aShortJobsLossIsTheMeanOfAllItsSteps() throws {
    for name in ["a", "b"] { try bench.admit(name, kind: "train", .done) }
    for (id, steps) in [(1, 12), (2, 1)] {
      let losses = (1...steps).map { "{\"step\": \($0), \"loss\": \($0)}\n" }
      try AtomicFile.write(losses.joined(), to: bench.layout.jobDirectory(id).metrics)
    }
    let text = try bench.run(["compare", "1-2"]).output
    #expect(text.contains("6.500, mean of 12 steps") && text.contains("1.000, mean of 1 step"))
    #expect(text.contains("6.500 at step 12, mean of 12 steps"))
  }

  @Test func outcomesStandSideBySide() throws {
    for name in ["a", "b"] { try bench.admit(name, kind: "train", .done) }
    try bench.admit("measured", kind: "evaluate", .done)
    let (first, evaluation) = (bench.layout.jobDirectory(1), bench.layout.jobDirectory(3))
    let losses = (1...300).map { step in
      "{\"step\": \(step), \"loss\": \(step <= 200 ? 0.25 : 0.5), \"images_per_second\": 40.0}\n"
    }
    try AtomicFile.write(losses.joined(), to: first.metrics)
    try AtomicFile.write(
      "{\"step\": 100, \"ema\": 0.125, \"raw\": 1}\n{\"step\": 200, \"ema\": 0.25, \"raw\": 1}\n",
      to: first.heldOut)
    try Directory.create(evaluation.results)
    let manifest: JSONValue = ["inputs": ["model": .string(first.results)]]
    try AtomicFile.write(manifest.serialized(), to: evaluation.results + "/manifest.json")
    let results: JSONValue = [
      "images": 10,
      "results": [["weights": "ema", "nll": ["bits_per_dim": 3.5, "standard_error": 0.25]]],
    ]
    try AtomicFile.write(results.serialized(), to: evaluation.results + "/evaluation.json")

    let json = try JSONValue(parsing: bench.run(["compare", "a", "b", "--json"]).output)
    let outcomes = try #require(json["jobs"]?.array).map { $0["outcome"] }
    #expect(outcomes[0]?["last_loss"] == 0.5)
    #expect(outcomes[0]?["best_loss"] == ["step": 100, "value": 0.25])
    #expect(outcomes[0]?["best_held_out"] == ["step": 100, "value": 0.125])
    #expect(outcomes[0]?["likelihood"]?["job"] == 3)
    #expect(outcomes[1]?["last_loss"] == .some(.null))
    #expect(outcomes[1]?["likelihood"] == .some(.null))
    #expect(json["differences"]?.array?.map { $0["path"] } == ["$.name"])

    let text = try bench.run(["compare", "a", "b"]).output
    let rows = text.split(separator: "\n").map { line in
      line.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    #expect(rows.first == ["", "a (1)", "b (2)"] || rows.first == ["a (1)", "b (2)"])
    #expect(rows.contains(["training loss, last", "0.5000, mean of 100 steps"]))
    #expect(rows.contains(["training loss, best", "0.2500 at step 100, mean of 100 steps"]))
    #expect(rows.contains(["held-out loss, best", "0.1250 at step 100"]))
    #expect(rows.contains(["NLL of ema, bits/dim", "3.500 ± 0.25"]))
    #expect(rows.contains(["$.name", "\"a\"", "\"b\""]))
  }
}
