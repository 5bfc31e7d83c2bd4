/// `text` as a shell takes it for one word, for command lines that people are advised to type.
public func shellWord(_ text: String) -> String {
  let isPlain =
    !text.isEmpty
    && text.unicodeScalars.allSatisfy { scalar in
      scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        || "/_.-+:,@%".unicodeScalars.contains(scalar)
    }
  return isPlain ? text : "'" + text.replacing("'", with: #"'\''"#) + "'"
}
