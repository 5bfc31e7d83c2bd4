/// What `top` shows: a function from the state of spool and machine to the lines of a screen.

import Images
import Jobs

struct TopScreen {
  /// A job that is not over.
  struct Row {
    let id: Int
    let name: String
    let kind: String
    let state: String
    let progress: ProgressLine?
    /// Why it waits.
    let reason: String?
  }

  var daemon = ""
  var machine = MachineLoad()
  /// Those that run first, then those that wait.
  var rows: [Row] = []
  /// An index of `rows`.
  var selected = 0
  /// The curve of the selected job, or of the first that has one.
  var plot: Plot?
  /// A question, or what became of a command.
  var message: String?

  static let keys = "↑↓ select   c cancel   h hold, release   q quit"

  /// Exactly `height` lines of fewer than `width` characters, a terminal's last column being one that
  /// it moves on from.
  func lines(width: Int, height: Int, isUnicode: Bool, isColored: Bool) -> [String] {
    let width = max(width - 1, 1)
    func cut(_ line: String) -> String { String(line.printable.prefix(width)) }
    let head = [cut("ddpmctl top   " + daemon), cut(machine.text), ""]
    let footer = message ?? (isUnicode ? Self.keys : "arrows" + Self.keys.dropFirst(2))
    let room = height - head.count - 1
    // The plot takes what the table leaves, if that is enough to see something.
    let tableHeight =
      plot == nil ? room : min(rows.count + 2, max(room / 3, min(6, room)))
    var body = table(height: tableHeight).map { isSelected, line in
      // A marker as well as the inverse, for those who see no colours.
      isSelected && isColored ? "\u{1B}[7m\(cut(line))\u{1B}[0m" : cut(line)
    }
    if let plot, room - body.count >= 9, width >= 20 {
      body += [""]
      body +=
        TextPlot(
          plot, width: width, height: room - body.count, isUnicode: isUnicode, isColored: isColored
        ).lines
    }
    let all = head + body.prefix(max(room, 0))
    let filling = [String](repeating: "", count: max(height - 1 - all.count, 0))
    return Array((all.prefix(height - 1) + filling + [cut(footer)]).suffix(max(height, 0)))
  }

  /// The heading and as many rows as there is room for, the selected one among them.
  private func table(height: Int) -> [(isSelected: Bool, line: String)] {
    if rows.isEmpty { return [(false, "  no job runs or waits")] }
    let cells = rows.map { row in
      [
        "\(row.id)", row.name, row.kind, row.state,
        row.progress.map { $0.facts.joined(separator: ", ") } ?? row.reason ?? "",
      ]
    }
    let lines = ddpmctl.table([["JOB", "NAME", "KIND", "STATE", ""]] + cells)
      .split(separator: "\n").map(String.init)
    let shown = max(height - 1, 1)
    let first = max(0, min(selected - shown / 2, rows.count - shown))
    return [(false, "  " + lines[0])]
      + (first..<min(first + shown, rows.count)).map { index in
        (index == selected, (index == selected ? "> " : "  ") + lines[index + 1])
      }
  }
}
