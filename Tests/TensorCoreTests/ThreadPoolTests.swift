import Synchronization
import TensorCore
import Testing

/// Every index once, each thread in one call at a time, for any count.
@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8])
  func everyIndexRunsOnceOnAThreadOfItsOwn(threads: Int) {
    let pool = ThreadPool(threads: threads)
    #expect(pool.threads == threads)
    for count in [0, 1, threads - 1, threads, threads + 1, 257] {
      let log = Mutex(Log(calls: Array(repeating: 0, count: count)))
      pool.run(count) { index, thread in
        log.withLock {
          $0.calls[index] += 1
          if !(0..<threads).contains(thread) || !$0.busy.insert(thread).inserted {
            $0.mistakes += 1
          }
        }
        for _ in 0..<100 { _ = log.withLock { $0.mistakes } }
        _ = log.withLock { $0.busy.remove(thread) }
      }
      log.withLock {
        #expect($0.calls == Array(repeating: 1, count: count))
        #expect($0.mistakes == 0 && $0.busy.isEmpty)
      }
    }
  }

  /// Runs follow each other at once, so a thread that is late for one must not harm the next.
  @Test func manyShortRunsEndWithAllTheirWorkDone() {
    let pool = ThreadPool(threads: 4)
    let done = Atomic(0)
    var expected = 0
    for run in 0..<3000 {
      let count = run % 6
      pool.run(count) { _, _ in done.add(1, ordering: .relaxed) }
      expected += count
      #expect(done.load(ordering: .relaxed) == expected)
    }
  }

  /// Threads beyond the limit do nothing, one that is lowered in a loop holds from the next
  /// iteration on, and one that is raised lets all work again.
  @Test func theLimitIsHeeded() {
    let limit = ThreadLimit(2)
    let pool = ThreadPool(threads: 4, limit: limit)
    for _ in 0..<100 { pool.run(20) { _, thread in #expect(thread < 2) } }
    limit.count = 4
    let late = Atomic(0)
    pool.run(1000) { index, thread in
      if index == 10 { limit.count = 0 }
      // Whoever has begun another iteration ends it.
      if limit.count == 1, thread > 0, index > 10 { late.add(1, ordering: .relaxed) }
    }
    #expect(limit.count == 1 && late.load(ordering: .relaxed) <= 3)
    limit.count = 4
    let inside = Atomic(0)
    pool.run(4) { _, _ in
      inside.add(1, ordering: .relaxed)
      while inside.load(ordering: .relaxed) < 4 {}
    }
  }

  @Test func poolsComeAndGo() {
    let sum = Atomic(0)
    for i in 0..<50 {
      ThreadPool(threads: 1 + i % 4).run(10) { index, _ in sum.add(index, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 50 * 45)
  }

  @Test func aBodyThatRunsThePoolAgainTraps() async {
    await #expect(processExitsWith: .failure) {
      let pool = ThreadPool(threads: 2)
      pool.run(1) { _, _ in pool.run(1) { _, _ in } }
    }
  }

  private struct Log {
    var calls: [Int]
    var busy: Set<Int> = []
    var mistakes = 0
  }
}
