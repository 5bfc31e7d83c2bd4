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
  }

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
    let phases: [ActiveJob.Phase] = [.queued, .held, .running, .recording(.done)]
    return ActiveJob(summary, phases.randomElement(using: &random) ?? .queued)
  }
}
