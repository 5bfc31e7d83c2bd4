// Text in the language of manual pages, mdoc(7).

/// Paragraphs, which empty lines are between, as text lines: a sentence begins a line, and no line
/// is much longer than 80 characters.
func mdoc(_ text: String) -> String {
  var paragraphs: [[String]] = [[]]
  for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
    if line.isEmpty {
      paragraphs.append([])
    } else {
      paragraphs[paragraphs.count - 1] += line.split(separator: " ").map(String.init)
    }
  }
  return paragraphs.map { lines(of: $0).joined(separator: "\n") }.joined(separator: "\n.Pp\n")
}

private func lines(of words: [String]) -> [String] {
  var lines: [String] = []
  var isNew = true
  for word in words.map(escaped) {
    if isNew || width(lines.last ?? "") + width(word) > 76 {
      // A dot or quote that begins a line would make it a request.
      lines.append([".", "'"].contains(word.first) ? #"\&"# + word : word)
    } else {
      lines[lines.count - 1] += " " + word
    }
    isNew = [".", "?", "!"].contains { word.hasSuffix($0) || word.hasSuffix("\($0))") }
  }
  return lines
}

/// As the formatter counts, which turns what is beyond ASCII into escape sequences.
private func width(_ text: String) -> Int {
  text.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : 8) }
}

/// A word without characters that mdoc takes for its own, and with hyphens that can be copied.
private func escaped(_ word: String) -> String {
  word.map { character in
    switch character {
    case "\\": #"\e"#
    case "-": #"\-"#
    default: String(character)
    }
  }.joined()
}

/// A word or words as one argument of a macro.
func argument(_ text: String) -> String {
  let word = escaped(text).map { $0 == "\"" ? #"\(dq"# : String($0) }.joined()
  return word.contains(" ") ? "\"\(word)\"" : word
}
