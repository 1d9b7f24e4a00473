import GatewayConfig

/// What a reload does to the listeners: opens new addresses first, then closes those that are gone. Pure.
struct ListenerPlan: Equatable {
    /// Positions in the new configuration.
    private(set) var added: [Int] = []
    /// Positions among the open ones.
    private(set) var removed: [Int] = []
    /// What cannot be done while the old socket holds the address, in words.
    private(set) var needingRestart: [String] = []

    init(open: [ListenerSettings], wanted: [ListenerSettings]) {
        var left = Set(open.indices)
        var unmatched: [Int] = []
        for (index, listener) in wanted.enumerated() {
            let isSame = { (other: ListenerSettings) in other.bind == listener.bind && (other.tls == nil) == (listener.tls == nil) }
            // At its old place if it is still there: listeners on free ports are alike.
            let match = left.contains(index) && isSame(open[index]) ? index : left.sorted().first { isSame(open[$0]) }
            guard let match else {
                unmatched.append(index)
                continue
            }
            left.remove(match)
            let old = open[match]
            if old.unixMode != listener.unixMode || old.reusesPort != listener.reusesPort {
                needingRestart.append("\"mode\" or \"reusePort\" of \(listener.bind) changed")
            }
        }
        for index in unmatched {
            // No address ever turns plain under its callers, and two sockets cannot hold it.
            guard let old = left.sorted().first(where: { open[$0].bind == wanted[index].bind }) else {
                added.append(index)
                continue
            }
            left.remove(old)
            needingRestart.append("TLS of \(wanted[index].bind) was turned on or off")
        }
        removed = left.sorted()
    }
}
