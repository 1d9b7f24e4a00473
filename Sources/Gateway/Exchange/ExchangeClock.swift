import GatewayCore
import NIOCore

/// What an exchange has to do with the upstream's clock.
extension Exchange {
    static let clockSkewed = Refusal(
        .unavailable, "clock/skew",
        "The clock of this gateway and that of the service differ by more than 15 minutes, so nothing is signed: set the gateway's clock.")

    /// Looks at the answer's `Date`, once a second for each upstream.
    func lookAtClock(_ head: ResponseHead) {
        guard let target = currentTarget, target.clock.wantsLook(sentAt: sentAt), ClockRefusal(head) == nil,
            let sample = ClockSample(head, sentAt: sentAt)
        else { return }
        say(target.clock.observe(sample), target)
    }

    /// Signs again with the corrected time where the upstream has refused the signature for its time: once, for a refused signature was
    /// not processed. False: the answer is the caller's, as any other.
    func tookClockRefusal(_ head: ResponseHead, body: ByteBuffer) -> Bool {
        guard head.status >= 400, !hasSignedAgain, let target = currentTarget,
            let refusal = ClockRefusal(head) ?? body.withUnsafeReadableBytes({ ClockRefusal(body: $0) }),
            let sample = ClockSample(head, sentAt: sentAt)
        else { return false }
        let (verdict, changed) = target.clock.refused(refusal, sample, signedWith: signedCorrection)
        say(changed, target)
        switch verdict {
        case .unrelated: return false
        case .beyondBound:
            // It was sent, and the answer is known: the upstream has turned the signature down and done nothing.
            record.state = .answered
            upstreamFailed(nil, refusal: Self.clockSkewed, sent: false)
            return true
        case .signAgain: return signAgain(target)
        }
    }

    private func say(_ changed: UpstreamClock.Reading?, _ target: UpstreamTarget) {
        if let changed { worker.log.clockChanged(changed, upstream: target.settings.name) }
    }
}
