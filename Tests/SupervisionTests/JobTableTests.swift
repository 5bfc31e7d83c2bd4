import Jobs
import TestSupport
import Testing

@testable import Supervision

/// The table of jobs says what a plain dictionary says, however it keeps them.
@Suite struct JobTableTests {
  @Test(arguments: 0..<20 as Range<UInt64>)
  func saysWhatADictionarySays(_ seed: UInt64) {
    var random = SplitMix(seed: seed)
    var table = JobTable()
    var plain: [Int: ActiveJob] = [:]
    for _ in 0..<400 {
      let id = Int.random(in: 1...40, using: &random)
      if Int.random(in: 0..<4, using: &random) == 0 {
        table[id] = nil
        plain[id] = nil
      } else {
        let job = randomJob(id, &random)
        table[id] = job
        plain[id] = job
      }
      #expect(table[id] == plain[id])
      let name = randomName(&random)
      let makers = plain.values.map(\.summary).filter { $0.kind == "train" && $0.name == name }
      #expect(
        table.newestMaker(of: name, before: id) == makers.map(\.id).filter { $0 < id }.max())
      let waiting = plain.values.filter { $0.prerequisites.contains { $0.job == id } }
      #expect(table.waiting(for: id) == waiting.map(\.summary.id).sorted())
    }
    #expect(table.ids == plain.keys.sorted())
    for id in table.ids { #expect(table[id] == plain[id]) }
    #expect(table.queuedCount == plain.values.count { $0.phase == .queued })
    #expect(
      table.countsByUser
        == Dictionary(grouping: plain.values.compactMap(\.summary.submitter)) { $0 }
        .mapValues(\.count))
    #expect(table.heldCount == plain.values.count { $0.phase == .held })
    let jobs = plain.values.sorted { $0.summary.id < $1.summary.id }
    let (deferred, recording) = (Phase.deferred(reason: ""), Phase.recording(.done))
    #expect(table.deferred == jobs.filter { $0.phase == deferred }.map(\.summary.id))
    #expect(table.beingRecorded == Set(jobs.filter { $0.phase == recording }.map(\.summary.id)))
    #expect(table.atWork == jobs.filter { [.running, .stopping(.hold)].contains($0.phase) })
  }

  /// Commands have a job leave its place and come back any number of times.
  @Test func placesThatWereLeftAreForgotten() {
    var table = JobTable()
    for id in 1...20 { table[id] = ActiveJob(train(id), .queued) }
    for turn in 0..<10_000 {
      table[7]?.summary.priority = turn
      table[8]?.phase = turn % 2 == 0 ? .held : .queued
    }
    #expect(table.order.count < 200)
    let next = table.next()
    #expect(next?.summary.id == 7)
  }

  private typealias Phase = ActiveJob.Phase

  private func randomName(_ random: inout SplitMix) -> String {
    ["shirts", "shoes", "a-name-too-long-to-lie-in-a-string-itself"]
      .randomElement(using: &random) ?? ""
  }

  private func randomJob(_ id: Int, _ random: inout SplitMix) -> ActiveJob {
    var summary = JobSummary(
      id: id, kind: Bool.random(using: &random) ? "train" : "sample", name: randomName(&random),
      priority: Int.random(in: -1...1, using: &random),
      after: Bool.random(using: &random)
        ? [] : [Prerequisite(job: Int.random(in: 1...40, using: &random), when: .ok)],
      timeLeft: Bool.random(using: &random) ? .seconds(9) : nil)
    summary.submitter = [nil, 1, 2].randomElement(using: &random) ?? nil
    summary.threads = Bool.random(using: &random) ? 2 : nil
    let phases: [ActiveJob.Phase] = [
      .queued, .held, .running, .recording(.done), .deferred(reason: ""), .stopping(.hold),
    ]
    return ActiveJob(summary, phases.randomElement(using: &random) ?? .queued)
  }
}
