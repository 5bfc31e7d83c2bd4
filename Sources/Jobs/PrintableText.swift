// What others wrote, fit for terminals, journals and files of lines: file names, paths, reasons and
// logs may hold characters that steer a terminal, begin a line that looks like somebody else's, or
// reverse what is read. They are shown as escapes; all other text stays as it is.

import StrictJSON

extension StringProtocol {
  /// The text on one line: control characters, those that format text unseen (as the bidirectional
  /// ones) and line ends are written as `\u{1B}`, `\u{202E}`, `\n`.
  public var printable: String { escaped(keeping: nil) }

  /// The same of a text that may have several lines: line feeds stay.
  public var printableLines: String { escaped(keeping: "\n") }

  /// A text of several lines on one, a semicolon between them.
  public var inOneLine: String {
    split(separator: "\n").map(\.printable).joined(separator: "; ")
  }

  private func escaped(keeping kept: Unicode.Scalar?) -> String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar {
      case kept: text.append(scalar)
      case "\n": text += "\\n".unicodeScalars
      case "\r": text += "\\r".unicodeScalars
      case "\t": text += "\\t".unicodeScalars
      case _ where scalar.isUnseen:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        text += "\\u{\(digits)}".unicodeScalars
      default: text.append(scalar)
      }
    }
    return String(text)
  }
}
