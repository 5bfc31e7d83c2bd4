/// Numbers of jobs by their names, which are not kept: 16 bytes a job, in one array that is sorted.
///
/// Taking a job in or out moves the entries behind it, a megabyte at most for a hundred thousand jobs.
package struct NameIndex: Sendable {
  private struct Entry: Comparable {
    let hash: Int
    let id: Int

    static func < (a: Entry, b: Entry) -> Bool { (a.hash, a.id) < (b.hash, b.id) }
  }

  private var entries: [Entry] = []

  package init() {}

  /// An index of jobs and their names.
  init(_ names: [(id: Int, name: String)]) {
    entries = names.map { Entry(hash: $0.name.hashValue, id: $0.id) }.sorted()
  }

  /// The jobs below `id` that have that name, the newest first; another's may be among them.
  package func ids(of name: String, before id: Int) -> some Sequence<Int> {
    let hash = name.hashValue
    return entries[..<place(of: Entry(hash: hash, id: id))].lazy.reversed()
      .prefix { $0.hash == hash }.map(\.id)
  }

  package mutating func insert(_ id: Int, _ name: String) {
    let entry = Entry(hash: name.hashValue, id: id)
    entries.insert(entry, at: place(of: entry))
  }

  package mutating func remove(_ id: Int, _ name: String) {
    let entry = Entry(hash: name.hashValue, id: id)
    let place = place(of: entry)
    if entries.indices.contains(place), entries[place] == entry { entries.remove(at: place) }
  }

  /// Where the entry is, or belongs.
  private func place(of entry: Entry) -> Int {
    var places = 0..<entries.count
    while !places.isEmpty {
      let middle = (places.lowerBound + places.upperBound) / 2
      places =
        entries[middle] < entry
        ? middle + 1..<places.upperBound : places.lowerBound..<middle
    }
    return places.lowerBound
  }
}
