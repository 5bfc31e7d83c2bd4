/// The one of `candidates` that `word` was most likely meant to be, or nil if none is near.
///
/// Case and separators do not count (`batchSize` is `batch_size`). Beyond that, up to a third of
/// the letters may differ, a swap of neighbours counting as one difference; or else `word`
/// abbreviates a candidate: its initials (`lr`), one of its words (`flip`), or its beginning.
public func nearest(to word: String, among candidates: [String]) -> String? {
  let wanted = letters(word)
  let distances = candidates.map { (key: $0, distance: distance(wanted, letters($0))) }
  if let best = distances.min(by: { $0.distance < $1.distance }),
    best.distance <= max(1, min(wanted.count, best.key.count) / 3)
  {
    return best.key
  }
  let abbreviated = candidates.filter { key in
    let words = key.split { !$0.isLetter && !$0.isNumber }.map { letters(String($0)) }
    return words.compactMap(\.first) == wanted
      || wanted.count >= 3 && (words.contains(wanted) || letters(key).starts(with: wanted))
  }
  return abbreviated.count == 1 ? abbreviated.first : nil
}

private func letters(_ text: String) -> [Character] {
  text.lowercased().filter { $0.isLetter || $0.isNumber }
}

/// Edits that make `a` into `b`: insertions, deletions, replacements, swaps of neighbours
/// (optimal string alignment).
private func distance(_ a: [Character], _ b: [Character]) -> Int {
  // What is that long is no slip of the pen, and need not fill a large table.
  guard a.count <= 128 else { return .max }
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        cost = min(cost, beforeLast[j - 1] + 1)
      }
      row.append(cost)
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
