// How the jobs that run share the processors: evenly, but what a job has no use for is the others',
// and no job has less than one thread. So a lone job has all of them. Shares are dealt out anew
// whenever a job starts or ends, and workers follow at their next step.

import Jobs

extension Configuration {
  /// The threads of each of the jobs that run.
  ///
  /// - wanted: the most that each of them has a use for; nil: any number.
  public func threadShares(wanted: [Int?], processors: Int) -> [Int] {
    if let threads { return wanted.map { min(threads, $0 ?? threads) } }
    var shares = wanted.map { _ in 1 }
    var left = processors
    // Whoever wants least comes first, so that what it leaves is there for the others.
    let order = wanted.indices.sorted { (wanted[$0] ?? .max, $0) < (wanted[$1] ?? .max, $1) }
    for (turn, index) in order.enumerated() {
      let others = order.count - turn
      let even = (max(left, 0) + others - 1) / others
      shares[index] = max(1, min(wanted[index] ?? .max, even))
      left -= shares[index]
    }
    return shares
  }

  /// The most threads that one worker can come to have.
  public func mostThreads(processors: Int) -> Int { threads ?? processors }
}

extension Supervisor {
  /// Deals out the processors among the jobs that run, and tells those whose share has changed.
  func shareThreads(among jobs: [ActiveJob]) {
    let running = jobs.filter(\.isOurs).map(\.summary)
    let shares = setup.configuration.threadShares(
      wanted: running.map(\.threads), processors: setup.processors)
    let new = Dictionary(uniqueKeysWithValues: zip(running.map(\.id), shares))
    for (id, share) in new where share != threadShares[id] {
      workers[id]?.tell(.threads(share))
    }
    threadShares = new
  }
}
