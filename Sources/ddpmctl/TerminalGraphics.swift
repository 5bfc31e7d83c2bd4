/// Pictures on terminals that can show them: Sixel (DEC VT340, xterm's and mlterm's) and the protocol
/// of kitty. Functions from a picture to the characters that show it.

import Images

/// How a plot is shown in a terminal.
enum PlotFormat: String, CaseIterable {
  case braille
  case sixel
  case kitty

  /// What the terminal that `environment` describes is known to show; braille where that is not
  /// known, and inside a multiplexer, which does not pass pictures on.
  static func supported(by environment: (String) -> String?) -> PlotFormat {
    let term = environment("TERM") ?? ""
    let program = environment("TERM_PROGRAM") ?? ""
    func isSet(_ name: String) -> Bool { environment(name)?.isEmpty == false }
    if isSet("TMUX") || isSet("STY") || ["screen", "tmux"].contains(where: term.hasPrefix) {
      return .braille
    }
    if isSet("KITTY_WINDOW_ID") || ["xterm-kitty", "xterm-ghostty"].contains(term)
      || ["ghostty", "WezTerm"].contains(program)
    {
      return .kitty
    }
    let sixel = ["foot", "mlterm", "contour", "yaft", "xterm-sixel"]
    if sixel.contains(where: term.hasPrefix) || ["mintty", "iTerm.app"].contains(program) {
      return .sixel
    }
    return .braille
  }
}

/// `image` for a terminal of kitty's kind: a PNG in chunks of at most 4096 characters.
func kittyGraphics(_ image: Image) -> String {
  let data = Array(base64(encodePNG(image)).utf8)
  var text = ""
  for start in stride(from: 0, to: data.count, by: 4096) {
    let chunk = data[start..<min(start + 4096, data.count)]
    // Transmit and show a PNG, without a reply on standard input.
    let keys = start == 0 ? "a=T,f=100,q=2," : ""
    let more = chunk.endIndex < data.count ? 1 : 0
    text += "\u{1B}_G\(keys)m=\(more);\(String(decoding: chunk, as: UTF8.self))\u{1B}\\"
  }
  return text + "\n"
}

/// `image`, in RGB, as Sixel: its most frequent colours, up to 255 of 4096, in bands of six rows.
func sixelGraphics(_ image: Image) -> String {
  precondition(image.channels == 3, "Sixel is made of RGB")
  // A colour's four upper bits of each channel.
  let codes = (0..<image.width * image.height).map { i in
    image.pixels[3 * i..<3 * i + 3].reduce(0) { $0 << 4 | Int($1 >> 4) }
  }
  let palette = Palette(codes)
  var text = "\u{1B}Pq\"1;1;\(image.width);\(image.height)"
  for (index, code) in palette.codes.enumerated() {
    let percent = [8, 4, 0].map { "\((code >> $0 & 15) * 100 / 15)" }
    text += "#\(index);2;\(percent.joined(separator: ";"))"
  }
  for top in stride(from: 0, to: image.height, by: 6) {
    let band = (top..<min(top + 6, image.height)).map { y in
      codes[y * image.width..<(y + 1) * image.width].map(palette.index)
    }
    let used = band.reduce(into: Set<Int>()) { $0.formUnion($1) }.sorted()
    text += used.map { color in "#\(color)" + sixels(band, of: color) }.joined(separator: "$") + "-"
  }
  return text + "\u{1B}\\\n"
}

/// The pixels of one colour in a band: a character a column, runs of one character counted.
private func sixels(_ band: [[Int]], of color: Int) -> String {
  var text = ""
  var run: (character: UInt8, count: Int) = (0, 0)
  func end() {
    let character = String(UnicodeScalar(run.character))
    text +=
      run.count > 3 ? "!\(run.count)\(character)" : String(repeating: character, count: run.count)
  }
  for x in band[0].indices {
    let bits = band.indices.reduce(UInt8(0)) { $0 | (band[$1][x] == color ? 1 << UInt8($1) : 0) }
    if bits + 63 != run.character {
      end()
      run = (bits + 63, 0)
    }
    run.count += 1
  }
  end()
  return text
}

/// The most frequent colours, and for each other one the nearest of these.
private struct Palette {
  let codes: [Int]
  private let indices: [Int]

  init(_ pixels: [Int]) {
    var counts = [Int](repeating: 0, count: 4096)
    for code in pixels { counts[code] += 1 }
    let codes = counts.indices.filter { counts[$0] > 0 }.sorted { counts[$0] > counts[$1] }.prefix(
      255)
    self.codes = Array(codes)
    indices = counts.indices.map { code in
      func distance(_ other: Int) -> Int {
        [8, 4, 0].map { (code >> $0 & 15) - (other >> $0 & 15) }.reduce(0) { $0 + $1 * $1 }
      }
      return codes.indices.min { distance(codes[$0]) < distance(codes[$1]) } ?? 0
    }
  }

  func index(_ code: Int) -> Int { indices[code] }
}

/// RFC 4648.
func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var text: [UInt8] = []
  text.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
    for place in 0..<4 {
      text.append(
        place <= group.count ? alphabet[bits >> (6 * (3 - place)) & 63] : UInt8(ascii: "="))
    }
  }
  return String(decoding: text, as: UTF8.self)
}
