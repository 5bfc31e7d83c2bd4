import Synchronization
@testable import TensorCore
import Testing

/// Work beside one's own.
@Suite struct BackgroundThreadTests {
  @Test func resultsComeBackInAnyOrderOfWaiting() {
    let thread = BackgroundThread()
    let pending = (0..<100).map { i in thread.run { i * i } }
    #expect(pending.reversed().map { $0.wait() } == (0..<100).reversed().map { $0 * $0 })
    #expect(pending[7].wait() == 49, "a result can be asked for twice")
  }

  @Test func piecesAreDoneOneAfterAnother() {
    let order = Mutex<[Int]>([])
    do {
      let thread = BackgroundThread()
      let last = (0..<50).map { i in thread.run { order.withLock { $0.append(i) } } }.last
      last?.wait()
    }
    #expect(order.withLock { $0 } == Array(0..<50))
  }

  /// The thread outlives the object until what was given to it is done.
  @Test func workIsDoneThoughNobodyWaits() {
    let done = Mutex(false)
    let pending = BackgroundThread().run { done.withLock { $0 = true } }
    pending.wait()
    #expect(done.withLock { $0 })
  }
}
