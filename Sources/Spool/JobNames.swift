import DurableIO
import Jobs
import StrictJSON

/// Which job is meant by a name: of several the newest.
///
/// Names are learnt from the jobs' files when the first is asked for, which takes a look at every job,
/// and from then on as jobs come: a thousand files that name a job cost no thousand such looks. Only the
/// daemon that holds the spool's lock may use this.
final class JobNames {
  private let layout: SpoolLayout
  private let queue: JobQueue
  /// Nil until it is asked. Those that are gone, or called otherwise now, are left in it for a while.
  private var index: NameIndex?
  /// How many more names it takes before it is made anew.
  private var room = 0

  init(_ layout: SpoolLayout) {
    self.layout = layout
    queue = JobQueue(layout)
  }

  /// The newest job below `id` that is called so.
  func newest(_ name: String, before id: Int) throws(SystemError) -> Int? {
    let index = if let index = self.index { index } else { try learn() }
    var gone: [Int] = []
    defer { for job in gone { self.index?.remove(job, name) } }
    for job in index.ids(of: name, before: id) {
      guard try queue.state(of: job) != nil else {
        gone.append(job)
        continue
      }
      if try layout.jobDirectory(job).isOfJob(called: name) { return job }
    }
    return nil
  }

  /// Takes note of what a job is called from now on.
  func note(_ id: Int, _ name: String) {
    room -= 1
    if room < 0 { index = nil }
    index?.insert(id, name)
  }

  private func learn() throws(SystemError) -> NameIndex {
    var names: [(id: Int, name: String)] = []
    for id in try Directory.names(in: layout.jobs).compactMap({ Int($0) }) {
      guard let bytes = try readFileIfPresent(layout.jobDirectory(id).job),
        let name = (try? JSONValue(parsing: bytes))?["job"]?["name"]?.string
      else { continue }
      names.append((id, name))
    }
    let index = NameIndex(names)
    self.index = index
    room = names.count + 1000
    return index
  }
}
