import GatewayCore
import NIOCore

/// How far an answer has come on its way to the caller.
struct RelayState {
    /// What the limits said when the request was admitted; for `RateLimit`.
    var reading: LimitReading?
    /// What they said when they refused it.
    var refusal: LimitRefusal?
    /// Something of the answer was shown to the caller, so no other can take its place.
    var hasBegun = false
    /// An error answer whose body decides whether it is a throttle is held back until that is known.
    var held: ResponseHead?
    var heldBody = ByteBuffer()
    /// The upstream's own words about when to come back.
    var throttle: UpstreamThrottle?
}

/// The upstream's answer on its way to the caller: as it was, except for a throttle, which always looks the same (contract section 4).
extension Exchange {
    /// Bodies of error answers up to this size are looked into; a larger one is no throttle.
    private static let heldBytes = 65_536

    func upstreamAnswered(_ head: ResponseHead) {
        guard handle(.answered) == .relay else { return }
        record.status = head.status
        record.origin = .upstream
        record.errorType = head.fields.first(.amznErrorType).map { Array(head.fields[$0.value]) } ?? []
        if let line = head.fields.first(.amznRequestID) { record.upstreamRequestID = Array(head.fields[line.value]) }
        lookAtClock(head)
        switch ThrottleDetection.decide(head) {
        case true:
            relay.throttle = UpstreamThrottle(head, wallMilliseconds: Clock.wallMilliseconds())
        case false:
            // Held until it is whole, for it may be answered by another signature.
            if !hasSignedAgain, ClockRefusal(head) != nil { relay.held = head } else { showHead(head) }
        case nil:
            if case .length(0) = head.framing {
                showHead(head)
            } else if case .none = head.framing {
                showHead(head)
            } else {
                relay.held = head
            }
        }
    }

    /// False: stop reading until the caller has taken more.
    func upstreamSent(body bytes: ByteBuffer) -> Bool {
        if relay.throttle != nil { return true }
        if let held = relay.held {
            var bytes = bytes
            relay.heldBody.writeBuffer(&bytes)
            if relay.heldBody.readableBytes > Self.heldBytes {
                let heldBody = relay.heldBody
                relay.held = nil
                relay.heldBody = ByteBuffer()
                showHead(held)
                return showBody(heldBody)
            }
            return true
        }
        return showBody(bytes)
    }

    func upstreamFinished() {
        upstreamIsDone()
        if let held = relay.held {
            // Taken out, so that another attempt's body does not begin with this one's.
            let heldBody = relay.heldBody
            relay.held = nil
            relay.heldBody = ByteBuffer()
            let isThrottle = heldBody.withUnsafeReadableBytes { ThrottleDetection.decide(body: $0) }
            if isThrottle {
                relay.throttle = UpstreamThrottle(held, wallMilliseconds: Clock.wallMilliseconds())
            } else if tookClockRefusal(held, body: heldBody) {
                return
            } else {
                if record.errorType.isEmpty { record.errorType = heldBody.withUnsafeReadableBytes { Self.errorCode($0) } }
                showHead(held)
                _ = showBody(heldBody)
            }
        }
        if relay.throttle != nil { return throttled(mayRetry: true) }
        if let authorized = recorded?.admitted.authorized {
            let now = Clock.monotonicNanoseconds()
            runtime.limiter.upstreamSucceeded(route: authorized.matched.route, now: now)
            countUpstreamAnswer(authorized, now: now)
        }
        count(origin: .upstream, status: record.status)
        answerEnded()
        releaseDownstream()?.finish()
    }

    /// The upstream has throttled this attempt: the limits adapt, and the request is sent again or its caller told.
    func throttled(mayRetry: Bool) {
        worker.counters.upstreamThrottles += 1
        if let authorized = recorded?.admitted.authorized {
            let now = Clock.monotonicNanoseconds()
            runtime.limiter.upstreamThrottled(route: authorized.matched.route, sentAt: sentAt, now: now)
            countUpstreamAnswer(authorized, now: now)
        }
        if !(mayRetry && retryAfterThrottle()) { answerThrottle() }
    }

    func upstreamReadIsComplete() {
        if relay.hasBegun { downstream?.flush() }
    }

    /// The one 429, in the upstream's name: its request id, and a wait that is never shorter than it asked for.
    func answerThrottle() {
        guard let throttle = relay.throttle else { return }
        guard let ask else { return }
        // Our own limits may want a longer rest than the service asked for; the longer counts.
        relay.refusal = runtime.limiter.upstreamRefusal(
            for: ask, upstreamWait: throttle.waitNanoseconds, now: Clock.monotonicNanoseconds())
        let refusal = ThrottleAnswers.upstreamRefusal
        let shape = ErrorShape.of(.throttled, style: throttleStyle)
        record.status = shape.status
        record.errorType = Array(shape.code.description.utf8)
        answerEnded()
        answer(
            refusal, origin: .upstream, requestID: record.upstreamRequestID.isEmpty ? nil : record.upstreamRequestID)
    }

    private func showHead(_ head: ResponseHead) {
        relay.hasBegun = true
        guard let downstream else { return }
        var fields = worker.takeScratch()
        AnswerFields.appendRelayed(head, id: id, to: &fields)
        if !record.wouldRefuse.isEmpty { AnswerFields.appendReport(record.wouldRefuse, to: &fields) }
        appendLimitFields(to: &fields)
        downstream.respond(status: head.status, fields: fields, body: bodyForm(head), closesConnection: false)
        worker.returnScratch(consume fields)
    }

    private func bodyForm(_ head: ResponseHead) -> AnswerBody {
        switch head.framing {
        case .none:
            // An answer to HEAD has no body, but its Content-Length still says how long one would be (RFC 9110 section 8.6).
            if let line = head.fields.first(.contentLength), head.status != 204, let length = Int(head.fields.string(line.value)) {
                return .length(length)
            }
            return .none
        case .length(let length): return .length(length)
        case .chunked, .untilClose: return .streamed
        }
    }

    private func showBody(_ bytes: ByteBuffer) -> Bool {
        downstream?.send(body: bytes) ?? true
    }

    /// `RateLimit` and `RateLimit-Policy`, and on a refusal by a limit or a throttle when to come back.
    func appendLimitFields(to fields: inout [UInt8]) {
        if let refusal = relay.refusal {
            runtime.throttles.fields.append(refusal, to: &fields)
        } else if let reading = relay.reading {
            runtime.throttles.fields.append(reading, to: &fields)
        }
    }

    private static func errorCode(_ body: UnsafeRawBufferPointer) -> [UInt8] {
        ThrottleDetection.errorCode(body: body) { code in
            let bare = ThrottleDetection.bareCode(code)
            return bare.count <= 128 ? Array(bare) : []
        } ?? []
    }
}

/// What a throttling upstream said about when to come back.
struct UpstreamThrottle {
    /// Nanoseconds from now; nil where it said nothing that can be read.
    let waitNanoseconds: UInt64?

    /// Reads `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), and `x-amz-retry-after` in milliseconds; the later of the two counts.
    init(_ head: ResponseHead, wallMilliseconds: Int64) {
        var wait: UInt64?
        for line in head.fields.lines {
            let text = head.fields[line.value]
            if line.kind == .retryAfter {
                if let seconds = UInt64(String(decoding: text, as: UTF8.self)) {
                    wait = max(wait ?? 0, min(seconds, Self.longestSeconds) * 1_000_000_000)
                } else if let date = HTTPDate.parse(text) {
                    let seconds = UInt64(max(0, date - wallMilliseconds / 1000))
                    wait = max(wait ?? 0, min(seconds, Self.longestSeconds) * 1_000_000_000)
                }
            } else if line.kind == .amazon, head.fields.withBytes(line.name, { ASCII.equalsIgnoringCase($0, "x-amz-retry-after") }),
                let milliseconds = UInt64(String(decoding: text, as: UTF8.self))
            {
                wait = max(wait ?? 0, min(milliseconds, Self.longestSeconds * 1000) * 1_000_000)
            }
        }
        waitNanoseconds = wait
    }

    /// A day and more is passed on as it is, up to a year; beyond that a number is no wait but a mistake.
    private static let longestSeconds: UInt64 = 366 * 86_400
}
