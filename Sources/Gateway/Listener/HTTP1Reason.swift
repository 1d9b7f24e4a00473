import GatewayCore
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

    /// What the caller is told. Over HTTP/1.1 the connection ends with it, because where the next request starts is not known.
    var refusal: Refusal {
        let kind: Refusal.Kind =
            switch status {
            case 413: .contentTooLarge
            case 414: .targetTooLong
            case 417: .expectationFailed
            case 431: .fieldsTooLarge
            case 501: .notImplemented
            case 505: .versionNotSupported
            default: .badRequest
            }
        return Refusal(kind, reason, message, closesConnection: true)
    }
}
