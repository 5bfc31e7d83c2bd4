// A program's part of its manual page, from what `--experimental-dump-help` prints.

import StrictJSON

struct CommandPage {
  private let command: JSONValue
  private let help: String

  /// - dump: What the program prints for `--experimental-dump-help`.
  /// - help: What it prints for `--help`, which alone says how its commands are grouped.
  init(_ dump: JSONValue, help: String) {
    command = dump["command"] ?? nil
    self.help = help
  }

  /// The section NAME.
  var name: String {
    let abstract = command["abstract"]?.string ?? ""
    let words = abstract.prefix(1).lowercased() + abstract.dropFirst()
    return ".Nm \(argument(command.name))\n.Nd \(mdoc(String(words.dropLast())))"
  }

  /// What there is to say of the program.
  var description: String {
    mdoc(paragraphs.filter { !$0.hasPrefix(Self.exitCodes) }.joined(separator: "\n\n"))
  }

  /// The section EXIT STATUS.
  var exitStatus: String {
    mdoc(paragraphs.filter { $0.hasPrefix(Self.exitCodes) }.joined(separator: "\n\n"))
  }

  private static let exitCodes = "Exit codes:"

  private var paragraphs: [String] {
    lines(command["discussion"]?.string ?? "").split(separator: "").map {
      $0.joined(separator: " ")
    }
  }

  /// The program's own options, an item of a list each.
  var options: String { items(command.shownArguments) }

  /// The commands: groups, and in each a list.
  var commands: String {
    let all = (command["subcommands"]?.array ?? []).flatMap { $0.withSubcommands }
    return groups.map { title, names in
      let items = all.filter { names.contains($0.path[0]) }.map(item).joined(separator: "\n")
      return ".Ss \(argument(title))\n.Bl -tag -width Ds\n\(items)\n.El"
    }.joined(separator: "\n")
  }

  /// The groups of commands, as `--help` shows them.
  private var groups: [(title: String, names: Set<String>)] {
    var groups: [(title: String, names: Set<String>)] = []
    let heading = " SUBCOMMANDS:"
    for line in lines(help) {
      if line.hasSuffix(heading) {
        let title = line.dropLast(heading.count)
        groups.append((title.prefix(1) + title.dropFirst().lowercased(), []))
      } else if line.hasPrefix("  "), !line.hasPrefix("   "), !groups.isEmpty {
        groups[groups.count - 1].names.insert(String(line.dropFirst(2).prefix { $0 != " " }))
      }
    }
    return groups
  }

  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  private func item(_ command: JSONValue) -> String {
    // What every command has is explained once.
    let common = Set(self.command.shownArguments.map(\.names))
    let arguments = command.shownArguments.filter { $0.names.isEmpty || !common.contains($0.names) }
    let words = command.path.map { "Cm \(argument($0))" } + arguments.map(\.synopsis)
    var text = ".It \(words.joined(separator: " "))\n"
    text += mdoc(
      [command["abstract"]?.string, command["discussion"]?.string].compactMap { $0 }
        .joined(separator: "\n\n"))
    if !arguments.isEmpty { text += "\n.Bl -tag -width Ds\n\(items(arguments))\n.El" }
    return text
  }

  private func items(_ arguments: [JSONValue]) -> String {
    arguments.map { ".It \($0.heading)\n\(mdoc($0["abstract"]?.string ?? ""))" }
      .joined(separator: "\n")
  }
}

/// A command of the dump, or an argument of one.
extension JSONValue {
  fileprivate var name: String { self["commandName"]?.string ?? "" }

  /// The command's words behind the program's name.
  fileprivate var path: [String] {
    (self["superCommands"]?.array ?? []).dropFirst().compactMap(\.string) + [name]
  }

  /// The command, or instead of it those that it consists of.
  fileprivate var withSubcommands: [JSONValue] {
    let commands = (self["subcommands"]?.array ?? []).filter { $0.name != "help" }
    return commands.isEmpty ? [self] : commands.flatMap { $0.withSubcommands }
  }

  fileprivate var shownArguments: [JSONValue] {
    (self["arguments"]?.array ?? []).filter { $0["shouldDisplay"] == true }
  }

  /// The option's names as arguments of macros, the short one first.
  fileprivate var names: [String] {
    let names = self["names"]?.array ?? []
    return (names.filter { $0["kind"] != "long" } + names.filter { $0["kind"] == "long" }).map {
      ($0["kind"] == "long" ? "Fl Fl " : "Fl ") + argument($0["name"]?.string ?? "")
    }
  }

  private var value: String {
    let dots = self["isRepeating"] == true && self["kind"] == "positional" ? " No ..." : ""
    return self["kind"] == "flag" ? "" : " Ar \(argument(self["valueName"]?.string ?? ""))" + dots
  }

  /// The argument in a synopsis.
  fileprivate var synopsis: String {
    let word = ((names.last.map { $0 } ?? "") + value).trimmed
    return self["isOptional"] == true ? "Oo \(word) Oc" : word
  }

  /// The argument where it is explained.
  fileprivate var heading: String { (names.joined(separator: " , ") + value).trimmed }
}

extension String {
  fileprivate var trimmed: String { String(drop { $0 == " " }) }
}
