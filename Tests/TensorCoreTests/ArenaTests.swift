@testable import TensorCore
import Testing

/// An arena's memory is reused and never handed out twice.
@Suite struct ArenaTests {
  @Test func takenTensorsDoNotOverlap() {
    let arena = Arena()
    let tensors = (1...20).map { arena.take(Shape(1, 1, $0 % 3 + 1, 5)) }
    for (i, tensor) in tensors.enumerated() { fill(tensor, with: Float(i)) }
    for (i, tensor) in tensors.enumerated() {
      #expect(tensor.floats.allSatisfy { $0 == Float(i) })
      #expect(tensor.address % 64 == 0)
    }
  }

  @Test func theLastRecycledMemoryOfASizeComesFirst() {
    let arena = Arena()
    let (a, b) = (arena.take(Shape(1, 2, 3, 4)), arena.take(Shape(1, 2, 3, 4)))
    arena.recycle(a)
    arena.recycle(b)
    #expect(arena.take(Shape(24, 1, 1, 1)).address == b.address)
    #expect(arena.take(Shape(1, 1, 1, 24)).address == a.address)
  }

  @Test func aScopeTakesBackWhatWasNotRecycledAndNothingElse() {
    let arena = Arena()
    let outer = arena.take(Shape(1, 1, 1, 8))
    fill(outer, with: 1)
    for _ in 0..<3 {
      let result = arena.scope("pass") {
        let inner = arena.take(Shape(1, 1, 1, 8))
        fill(inner, with: 2)
        arena.scope("pass") { fill(arena.take(Shape(1, 1, 1, 8)), with: 3) }
        arena.recycle(arena.take(Shape(1, 1, 1, 9)))
        return inner.floats
      }
      #expect(result == Array(repeating: 2, count: 8))
      #expect(arena.bytes == 4 * (8 + 8 + 8 + 9))
    }
    #expect(outer.floats == Array(repeating: 1, count: 8))
    arena.recycle(outer)
  }

  @Test func recyclingAcrossAScopesBoundsTraps() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena()
      arena.recycle(arena.scope("pass") { arena.take(Shape(1, 1, 1, 8)) })
    }
    await #expect(processExitsWith: .failure) {
      let arena = Arena()
      let outer = arena.take(Shape(1, 1, 1, 8))
      arena.scope("pass") { arena.recycle(outer) }
    }
  }

  @Test func recyclingTwiceOrAPartTraps() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena()
      let tensor = arena.take(Shape(1, 1, 1, 8))
      arena.recycle(tensor)
      arena.recycle(tensor)
    }
    await #expect(processExitsWith: .failure) {
      let arena = Arena()
      arena.recycle(arena.take(Shape(2, 1, 1, 8)).images(1..<2))
    }
  }

  /// Training's memory is not kept while samples are drawn, nor the other way round.
  @Test func anotherPassGetsTheMemory() {
    let arena = Arena()
    arena.scope("large") { _ = arena.take(Shape(1, 1, 1, 1000)) }
    #expect(arena.bytes == 4000)
    arena.scope("large") { _ = arena.take(Shape(1, 1, 1, 1000)) }
    #expect(arena.bytes == 4000)
    arena.scope("small") { _ = arena.take(Shape(1, 1, 1, 10)) }
    #expect(arena.bytes == 40)
  }

  @Test func scratchMemoryGrowsToTheLargest() {
    let arena = Arena()
    for count in [100, 10, 200, 100] {
      arena.lend(count) { scratch in
        #expect(scratch.count == count)
        fill(scratch, with: 1)
      }
    }
    #expect(arena.bytes == 800)
  }
}
