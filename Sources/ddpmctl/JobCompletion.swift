/// What shells offer for a word that names a job: the numbers and names of the jobs for which the
/// command makes sense; zsh and fish show what each stands for.
///
/// Answers at once also where there are very many jobs: as long as nothing is typed the newest are
/// enough, and then of the jobs' files only those are parsed that have what is typed in them. What
/// cannot be read is not offered, and nothing is said of it.

import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool
import StrictJSON

extension CompletionKind {
  /// Jobs in one of `states`, and of one kind if there is a `kind`.
  static func jobs(
    _ states: [JobState] = JobState.allCases, ofKind kind: String? = nil
  ) -> CompletionKind {
    .custom { words, index, prefix in
      let wanted = JobCandidates(states: states, kind: kind, prefix: prefix)
      return wanted.words(on: words, except: index)
    }
  }

  /// Models: those that train jobs have made, and folders.
  static let models = CompletionKind.custom { words, index, prefix in
    let jobs = JobCandidates(states: [.done], kind: "train", prefix: prefix)
    return jobs.words(on: words, except: index) + folders(beginningWith: prefix)
  }
}

extension JobState {
  /// The states of jobs that are not over.
  static let unfinished = allCases.filter { !$0.isFinal }
  /// Those of jobs that are.
  static let final = allCases.filter(\.isFinal)
}

/// The jobs that a word may mean.
private struct JobCandidates {
  let states: [JobState]
  let kind: String?
  /// What is typed of the word.
  let prefix: String

  /// So many of the newest jobs are offered where nothing is typed.
  private static let newest = 100

  /// What the shell is told: first the names, each once, then the numbers, the newest first.
  ///
  /// - line: The words of the command line, of which the one at `index` is completed.
  func words(on line: [String], except index: Int) -> [String] {
    guard let layout = try? SpoolOptions.parse(rootOption(on: line)).layout else { return [] }
    // None is offered that is there already.
    var known = Set(line.indices.filter { $0 != index }.map { line[$0] })
    var names: [String] = []
    var numbers: [String] = []
    for (id, state) in ids(in: JobQueue(layout)) {
      if prefix.isEmpty && numbers.count == Self.newest { break }
      let isNumber = "\(id)".hasPrefix(prefix) && known.insert("\(id)").inserted
      // zsh and fish want to know what a number means.
      let isRead = isNumber && CompletionShell.requesting != .bash
      guard let job = job(layout.jobDirectory(id).job, whatever: isRead || kind != nil) else {
        if isNumber && kind == nil { numbers.append("\(id)") }
        continue
      }
      if job.name.hasPrefix(prefix), known.insert(job.name).inserted {
        names.append(described(job.name, "\(job.kind), job \(id), \(state)"))
      }
      if isNumber { numbers.append(described("\(id)", "\(job.kind) \(job.name), \(state)")) }
    }
    return names + numbers
  }

  /// The jobs in the right states, the newest first.
  private func ids(in queue: JobQueue) -> [(id: Int, state: JobState)] {
    states.flatMap { state in
      ((try? queue.ids(in: state)) ?? []).map { (id: $0, state: state) }
    }.sorted { $0.id > $1.id }
  }

  /// What a job file says, if it is of the right kind.
  ///
  /// - whatever: Whether also jobs are wanted whose names do not begin as the word does.
  private func job(_ path: String, whatever: Bool) -> (name: String, kind: String)? {
    guard let bytes = try? readFile(path), let text = String(validating: bytes, as: UTF8.self),
      whatever || contains(text, #""name": "\#(prefix)"#),
      kind.map({ contains(text, #""kind": "\#($0)""#) }) != false,
      let job = try? JSONValue(parsing: bytes)["job"],
      let name = job["name"]?.string, let found = job["kind"]?.string, found == kind ?? found
    else { return nil }
    return (name, found)
  }

  private func contains(_ text: String, _ part: String) -> Bool {
    unsafe strstr(text, part) != nil
  }
}

/// A candidate as the shell that asks wants it. Names have nothing in them that had to be escaped.
private func described(_ word: String, _ description: String) -> String {
  switch CompletionShell.requesting {
  case .zsh: "\(word):\(description)"
  case .fish: "\(word)\t\(description)"
  default: word
  }
}

/// The option --root as it stands on a command line.
///
/// - words: As they are typed, and in bash split at an equals sign.
private func rootOption(on words: [String]) -> [String] {
  for (index, word) in words.enumerated() where word.hasPrefix("--root") {
    let rest = words[(index + 1)...].drop { $0 == "=" }
    let value = word.hasPrefix("--root=") ? String(word.dropFirst("--root=".count)) : rest.first
    return value.map { ["--root", unquoted($0)] } ?? []
  }
  return []
}

/// Folders, each with a slash behind it; bash puts one there itself.
private func folders(beginningWith prefix: String) -> [String] {
  let path = unquoted(prefix)
  let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  let names = (try? Directory.names(in: parent.isEmpty ? "." : parent)) ?? []
  let slash = CompletionShell.requesting == .bash ? "" : "/"
  return names.sorted().map { parent + $0 }.filter {
    $0.hasPrefix(path) && (try? Directory.exists($0 + "/")) == true
      && (path != parent || $0.dropFirst(parent.count).first != ".")
  }.map { $0 + slash }
}

/// A word as the shell passes it to a program, as far as that is known without the shell.
private func unquoted(_ word: String) -> String {
  var text = ""
  var isEscaped = false
  for character in word {
    if isEscaped || !#"\"'"#.contains(character) { text.append(character) }
    isEscaped = character == "\\" && !isEscaped
  }
  return text.hasPrefix("~/") ? (environment("HOME") ?? "~") + text.dropFirst(1) : text
}
