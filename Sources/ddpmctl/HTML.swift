import Images

/// A piece of HTML: what a literal says is markup, what is put into it is text, and escaped, unless it
/// is HTML itself. So nothing that a user wrote becomes markup.
struct HTML: ExpressibleByStringInterpolation {
  let markup: String

  init(stringLiteral value: String) { markup = value }

  init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }

  /// Markup that was made by somebody who escapes.
  init(trusted markup: String) { self.markup = markup }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { markup += literal }

    mutating func appendInterpolation(_ text: String) { markup += xmlEscaped(text) }

    mutating func appendInterpolation(_ number: Int) { markup += "\(number)" }

    mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

    mutating func appendInterpolation(_ list: [HTML]) {
      markup += list.map(\.markup).joined(separator: "\n")
    }
  }

  /// A table with a head; the cells of `numeric` columns stand to the right.
  static func table(_ head: [String], _ rows: [[String]], numeric: Set<Int> = []) -> HTML {
    func cells(_ row: [String], _ tag: HTML) -> [HTML] {
      row.enumerated().map { index, cell in
        let style: HTML = numeric.contains(index) ? " class=\"number\"" : ""
        return "<\(tag)\(style)>\(cell)</\(tag)>"
      }
    }
    let body = rows.map { row -> HTML in "<tr>\(cells(row, "td"))</tr>" }
    return """
      <div class="wide"><table><thead><tr>\(cells(head, "th"))</tr></thead>
      <tbody>\(body)</tbody></table></div>
      """
  }

  /// Names and what belongs to them; what is empty is left out.
  static func facts(_ facts: [(name: String, value: String)]) -> HTML {
    let rows = facts.filter { !$0.value.isEmpty }.map { fact -> HTML in
      "<dt>\(fact.name)</dt><dd>\(fact.value)</dd>"
    }
    return "<dl>\(rows)</dl>"
  }

  /// What is shown on demand.
  static func folded(_ summary: String, _ content: HTML) -> HTML {
    "<details><summary>\(summary)</summary>\(content)</details>"
  }
}
