/// What the shared script is given for each request of a plan: keys and arguments, as bytes.
public struct SharedLimitPlan: Sendable {
    private let plan: LimitPlan
    /// The key of each slot.
    private let keys: [[UInt8]]
    /// The arguments of each limit that never change, and where each ends.
    private let constants: [Constants]

    private struct Constants: Sendable {
        var bytes: [UInt8] = []
        var lengths: [Int] = []

        let denominator: UInt64

        init(_ rate: SharedRate) {
            denominator = rate.denominator
            for number in [rate.interval, rate.intervalPart, rate.denominator, rate.window, rate.windowPart, rate.furthest] {
                let digits = Array(String(number).utf8)
                bytes += digits
                lengths.append(digits.count)
            }
        }
    }

    /// - Parameter keyPrefix: what every key begins with. Gateways that share a prefix and a limit's name share its count.
    public init(plan: LimitPlan, keyPrefix: String) {
        self.plan = plan
        keys = plan.keys.map { Array((keyPrefix + SharedLimitPlan.name(of: $0)).utf8) }
        constants = plan.rules.map { Constants(SharedRate($0)) }
    }

    /// Of the parts in the script's answers.
    func denominator(ofLimit limit: Int) -> UInt64 { constants[limit].denominator }

    /// How many keys the request has.
    public func keyCount(_ request: AdmissionRequest) -> Int { plan.range(request).count }

    /// Appends what follows the script's name in `EVALSHA` or `EVAL`: the number of keys, the keys, the verb and its arguments.
    /// - Parameters:
    ///   - verb: `SharedLimitScript.take` or `giveBack`.
    ///   - mayWait: whether the request has waited for its turn and may be taken now for later, each limit within its `maxWait`.
    ///   - bytes: the arguments, one after the other.
    ///   - lengths: the length of each.
    public func appendArguments(
        _ verb: String, _ request: AdmissionRequest, mayWait: Bool, table: LimitTable, now: UInt64, to bytes: inout [UInt8],
        lengths: inout [Int]
    ) {
        let range = plan.range(request)
        SharedLimitPlan.append(UInt64(range.count), to: &bytes, &lengths)
        for position in range {
            let key = keys[plan.checks[position].slot(caller: request.caller)]
            bytes.append(contentsOf: key)
            lengths.append(key.count)
        }
        bytes.append(contentsOf: verb.utf8)
        lengths.append(verb.utf8.count)
        for position in range {
            let check = plan.checks[position]
            bytes.append(contentsOf: constants[check.limit].bytes)
            lengths.append(contentsOf: constants[check.limit].lengths)
            var allowed: UInt64 = 0
            if mayWait, case let deadline = request.arrival.addingSaturating(check.maxWait), deadline > now {
                allowed = (deadline - now) / 1000
            }
            SharedLimitPlan.append(allowed, to: &bytes, &lengths)
            SharedLimitPlan.append(table.knownBacklog(check, caller: request.caller, now: now), to: &bytes, &lengths)
        }
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8], _ lengths: inout [Int]) {
        var digits = 1
        var power: UInt64 = 1
        while number / power >= 10 {
            power *= 10
            digits += 1
        }
        lengths.append(digits)
        while power > 0 {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: number / power % 10))
            power /= 10
        }
    }

    /// `account:upstream=chime`: the limit's name and those that it is shared by. Percent-encoded, so that no name reads as another's,
    /// and no brace as the hash tag of a Redis Cluster.
    static func name(of key: LimitKey) -> String {
        var name = encoded(key.limit)
        if let upstream = key.upstream { name += ":upstream=" + encoded(upstream) }
        if let route = key.route { name += ":route=" + encoded(route) }
        if let caller = key.caller { name += ":caller=" + encoded(caller) }
        return name
    }

    private static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return name.utf8.reduce(into: "") { text, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
