import COpenSSL

/// OpenSSL's error queue of this thread. Every call into OpenSSL that may fail starts with `clear` and ends with `drain`, so that
/// one connection never reads what another one left behind.
enum ErrorQueue {
    static func clear() {
        ERR_clear_error()
    }

    /// Takes all entries, the oldest (which is the cause) first.
    static func drain() -> [Entry] {
        var entries: [Entry] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { return entries }
            entries.append(Entry(code: code))
        }
    }

    struct Entry: Equatable {
        let code: UInt

        var library: Int32 { ERR_GET_LIB(code) }
        var reason: Int32 { ERR_GET_REASON(code) }

        /// The fatal alert that the peer sent, when that is what this entry says.
        var alert: UInt8? {
            guard library == ERR_LIB_SSL, reason > SSL_AD_REASON_OFFSET else { return nil }
            return UInt8(exactly: reason - SSL_AD_REASON_OFFSET)
        }

        func isSSL(_ expected: Int32) -> Bool { library == ERR_LIB_SSL && reason == expected }

        /// OpenSSL's words for the reason; they hold no data of a connection.
        var text: String {
            ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(String(code, radix: 16))"
        }
    }
}

extension [ErrorQueue.Entry] {
    var text: String { first?.text ?? "unknown reason" }
}
