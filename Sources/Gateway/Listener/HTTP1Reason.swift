import Wire

extension HTTP1Error {
    /// The value of `countersign-reason`: `http/bare-line-feed` for `bareLineFeed`.
    var reason: String {
        var text = "http/"
        for character in "\(kind)" {
            if character.isUppercase {
                text += "-" + character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }
}
