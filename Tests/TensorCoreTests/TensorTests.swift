@testable import TensorCore
import Testing

/// Views of tensors, and the traps for views that do not fit.
@Suite struct TensorTests {
  private let memory = TestMemory()

  @Test func viewsShareTheirTensorsMemory() {
    let x = memory.row((0..<24).map(Double.init)).reshaped(Shape(2, 3, 2, 2))
    #expect(x.images(1..<2).doubles == (12..<24).map(Double.init))
    #expect(x.part(at: 5, Shape(1, 1, 3, 1)).doubles == [5, 6, 7])
    fill(x.images(0..<1), with: -1)
    #expect(x.doubles == Array(repeating: -1, count: 12) + (12..<24).map(Double.init))
  }

  @Test func aNewBufferIsZeroAndAligned() {
    let buffer = FloatBuffer(count: 33)
    #expect(buffer.all.floats == Array(repeating: 0, count: 33))
    #expect(buffer.all.address % 64 == 0)
  }

  @Test func viewsThatDoNotFitTrap() async {
    await #expect(processExitsWith: .failure) {
      _ = FloatBuffer(count: 4).all.reshaped(Shape(1, 1, 1, 5))
    }
    await #expect(processExitsWith: .failure) {
      _ = FloatBuffer(count: 4).all.part(at: 1, Shape(1, 1, 1, 4))
    }
    await #expect(processExitsWith: .failure) { _ = FloatBuffer(count: 4).all.images(0..<2) }
    await #expect(processExitsWith: .failure) {
      let buffer = FloatBuffer(count: 5)
      add(buffer.tensor(at: 0, Shape(1, 1, 1, 2)), into: buffer.tensor(at: 2, Shape(1, 1, 1, 3)))
    }
  }
}
