/// The order in which jobs run: a binary heap of priorities and numbers.
///
/// A job that leaves the queue otherwise than as the next one stays here until its turn comes, and
/// is then passed over by whoever takes it: so nothing costs more than the logarithm of the
/// queue's length.
struct RunOrder: Sendable {
  /// A job's place: higher priorities first, then lower numbers.
  struct Place: Comparable, Sendable {
    let priority: Int
    let id: Int

    static func < (a: Place, b: Place) -> Bool {
      a.priority == b.priority ? a.id < b.id : a.priority > b.priority
    }
  }

  private var heap: [Place] = []

  /// How many places there are, those of jobs that have left included.
  var count: Int { heap.count }

  /// The place before all others.
  var first: Place? { heap.first }

  mutating func insert(_ place: Place) {
    heap.append(place)
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes out the first place, if there is one.
  mutating func removeFirst() {
    guard let last = heap.popLast(), !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
      guard let least = children.min(by: { heap[$0] < heap[$1] }), heap[least] < heap[parent]
      else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
