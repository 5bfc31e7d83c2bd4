/// The name of a file in `claim/`, which says how far its admission is: `NAME` is taken out of
/// `drop/` and not decided on; `ID:NAME` is going to be job ID. NAME is its name in `drop/`,
/// which has no colon.
struct ClaimName: Equatable {
  let id: Int?
  let name: String

  init(id: Int?, name: String) {
    self.id = id
    self.name = name
  }

  init(_ file: String) {
    let parts = file.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, let id = Int(parts[0]) {
      self.init(id: id, name: String(parts[1]))
    } else {
      self.init(id: nil, name: file)
    }
  }

  /// The file's name in `claim/`.
  var file: String { id.map { "\($0):\(name)" } ?? name }
}
