import GatewayCore

/// Keeps other machines, and web pages from elsewhere, out of the answers that hold phone numbers.
///
/// Where the listener is bound beyond this machine, for a kubelet and Prometheus, whoever reaches it has the metrics and no numbers. And a
/// page on a name of its own can have that name point at 127.0.0.1 after it was loaded (DNS rebinding), and its browser then takes this
/// listener for the page's own server; the `Host` field still says the name. Programs and probes come by address or by a local name.
enum AdminHost {
    /// Whether `Host` names this machine in a way that nobody else can: by an address, by `localhost` or by a name without a dot, which
    /// cannot be had from a registry. Nothing at all is not from a browser.
    static func isOwn(_ host: String?) -> Bool {
        guard let host, !host.isEmpty else { return true }
        var name = Substring(host)
        if name.hasPrefix("[") {
            let address = name.dropFirst().prefix { $0 != "]" }
            return !address.isEmpty && address.utf8.allSatisfy { isHexDigit($0) || $0 == 0x3A || $0 == 0x2E }
        }
        if let colon = name.lastIndex(of: ":") { name = name[..<colon] }
        if name.hasSuffix(".") { name = name.dropLast() }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count == 1 { return !name.isEmpty }
        return labels.last?.lowercased() == "localhost" || isAddress(labels)
    }

    /// Nil where the answer may be given.
    static func refusal(_ evidence: AdminGate.Evidence) -> AdminAnswer? {
        guard let peer = evidence.peer, peer.isLocal else { return notLocal }
        return isOwn(evidence.hosts.first) ? nil : notOwn
    }

    private static let notLocal = AdminAnswer(
        status: 403,
        body: "This answer holds phone numbers, so it is given over loopback and unix sockets only: use ssh -L or kubectl port-forward.\n")
    private static let notOwn = AdminAnswer(
        status: 421,
        body: "This answer holds phone numbers, so it is given only to who names this machine by an address or as localhost.\n")

    private static func isAddress(_ labels: [Substring]) -> Bool {
        labels.count == 4 && labels.allSatisfy { (1...3).contains($0.utf8.count) && (UInt8($0) != nil) && $0.utf8.first != 0x2B }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6 }
}

extension AdminSource {
    /// What the page shows of the audit trail.
    static let privatePaths: Set<String> = ["/records", "/deletions"]
}
