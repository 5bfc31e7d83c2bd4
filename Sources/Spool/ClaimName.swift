/// The name of a file in `claim/`, which says how far its admission is: `NAME` is taken out of
/// `drop/` and not decided on; `ID:NAME` is going to be job ID; `FIRST-LAST:NAME` is an array whose
/// jobs are being built, and `FIRST-LAST=NAME` one whose jobs only have to appear in the queue yet.
/// NAME is its name in `drop/`, which has neither a colon nor an equals sign.
struct ClaimName: Equatable {
  /// The numbers of its jobs.
  let ids: ClosedRange<Int>?
  let name: String
  /// Whether it is an array, of which some jobs may be built.
  let isArray: Bool
  /// Whether all its jobs are built.
  let isBuilt: Bool

  /// A file that is one job or none.
  init(id: Int?, name: String) {
    (ids, self.name, isArray, isBuilt) = (id.map { $0...$0 }, name, false, false)
  }

  /// An array.
  init(ids: ClosedRange<Int>, name: String, isBuilt: Bool = false) {
    (self.ids, self.name, isArray, self.isBuilt) = (ids, name, true, isBuilt)
  }

  init(_ file: String) {
    guard let end = file.firstIndex(where: { $0 == ":" || $0 == "=" }) else {
      self.init(id: nil, name: file)
      return
    }
    let name = String(file[file.index(after: end)...])
    let numbers = file[..<end].split(separator: "-", omittingEmptySubsequences: false)
      .map { Int($0) }
    if numbers.count == 2, let first = numbers[0], let last = numbers[1], first <= last {
      self.init(ids: first...last, name: name, isBuilt: file[end] == "=")
    } else if numbers.count == 1, let id = numbers[0], file[end] == ":" {
      self.init(id: id, name: name)
    } else {
      self.init(id: nil, name: file)
    }
  }

  /// The number of its job, of an array's first one.
  var id: Int? { ids?.lowerBound }

  /// The file's name in `claim/`.
  var file: String {
    guard let ids else { return name }
    return isArray ? ids.text + (isBuilt ? "=" : ":") + name : "\(ids.lowerBound):\(name)"
  }
}
