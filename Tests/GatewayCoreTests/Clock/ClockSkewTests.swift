import Testing

@testable import GatewayCore

@Suite("Clock skew")
struct ClockSkewTests {
    /// A sample taken without delay that says `seconds`.
    private func sample(_ seconds: Int64, roundTripMilliseconds: UInt64 = 0) -> ClockSample {
        ClockSample(
            dateSeconds: 1_000_000 + seconds, receivedMilliseconds: 1_000_000_500 + Int64(roundTripMilliseconds / 2),
            roundTripNanoseconds: roundTripMilliseconds * 1_000_000)
    }

    @Test("Half of the round trip and half of a second are accounted for")
    func halves() {
        let sample = ClockSample(dateSeconds: 1000, receivedMilliseconds: 1_001_500, roundTripNanoseconds: 2_000_000_000)
        #expect(sample.skewMilliseconds == 0)
        #expect(sample.uncertaintyMilliseconds == 1500)
    }

    @Test("Small differences move the estimate by an eighth and are not corrected")
    func smoothing() {
        var skew = ClockSkew()
        #expect(!skew.isMeasured)
        skew.observe(sample(4), now: 0)
        #expect(skew.milliseconds == 4000)
        skew.observe(sample(0), now: 0)
        #expect(skew.milliseconds == 3500)
        #expect(skew.correction == 0)
        #expect(skew.isMeasured)
    }

    @Test("A far sample counts when a second one agrees", arguments: [(false, 0), (true, 60_000)] as [(Bool, Int64)])
    func steps(isConfirmed: Bool, milliseconds: Int64) {
        var skew = ClockSkew()
        skew.observe(sample(60), now: 0)
        #expect(skew.milliseconds == 0)
        skew.observe(sample(isConfirmed ? 60 : 900), now: 0)
        #expect(skew.correction == milliseconds)
    }

    @Test("A near sample makes an outlier forgotten")
    func outlier() {
        var skew = ClockSkew()
        for seconds: Int64 in [60, 0, 60, 0] { skew.observe(sample(seconds), now: 0) }
        #expect(skew.correction == 0)
    }

    @Test("An answer that took too long says nothing")
    func slow() {
        var skew = ClockSkew()
        for _ in 0..<3 { skew.observe(sample(60, roundTripMilliseconds: 30_000), now: 0) }
        #expect(!skew.isMeasured)
    }

    @Test(
        "Bounds, either way",
        arguments: [
            (4, .small, 0), (299, .small, 299_000), (301, .large, 301_000), (-301, .large, -301_000), (899, .large, 899_000),
            (901, .refused, nil), (-901, .refused, nil),
        ] as [(Int64, ClockSkew.Level, Int64?)])
    func bounds(seconds: Int64, level: ClockSkew.Level, correction: Int64?) {
        var skew = ClockSkew()
        for _ in 0..<2 { skew.observe(sample(seconds), now: 0) }
        #expect(skew.level == level)
        #expect(skew.correction == correction)
    }

    @Test("While nothing is signed one request in ten seconds looks, and its answer counts at once")
    func probes() {
        var skew = ClockSkew()
        for _ in 0..<2 { skew.observe(sample(1000), now: 5) }
        let interval = ClockSkew.probeNanoseconds
        #expect(skew.probe(now: 6) == false)
        #expect(skew.probe(now: 5 + interval) == true)
        #expect(skew.probe(now: 6 + interval) == false)
        skew.observe(sample(0), now: 7 + interval)
        #expect(skew.level == .small)
    }

    @Test(
        "A refusal is put down to the time only where the date says so",
        arguments: [
            (.certain, 60, 0, .signAgain), (.certain, 0, 0, .unrelated), (.certain, 600, 600, .unrelated), (.certain, 901, 0, .beyondBound),
            (.possible, 60, 0, .unrelated), (.possible, 600, 0, .signAgain), (.possible, -600, 0, .signAgain),
            (.possible, 600, 600, .unrelated), (.possible, 0, 600, .signAgain), (.possible, 1000, 0, .beyondBound),
        ] as [(ClockRefusal, Int64, Int64, ClockSkew.Verdict)])
    func refusals(refusal: ClockRefusal, seconds: Int64, signedWith: Int64, verdict: ClockSkew.Verdict) {
        var skew = ClockSkew()
        #expect(skew.refused(refusal, sample(seconds), signedWith: signedWith * 1000, now: 0) == verdict)
        #expect(skew.milliseconds == (verdict == .unrelated ? 0 : seconds * 1000))
    }

    @Test(
        "Codes",
        arguments: [
            ("RequestTimeTooSkewed", .certain), ("RequestExpired", .certain), ("com.amazon#RequestInTheFuture", .certain),
            ("InvalidSignatureException:http://x", .possible), ("SignatureDoesNotMatch", .possible), ("AuthFailure", .possible),
            ("AccessDenied", nil), ("RequestExpire", nil), ("", nil),
        ] as [(String, ClockRefusal?)])
    func codes(code: String, expected: ClockRefusal?) {
        #expect(Array(code.utf8).withUnsafeBytes { ClockRefusal(code: $0) } == expected)
    }

    @Test("A body's code", arguments: [(#"{"__type":"RequestExpired"}"#, .certain), ("<x/>", nil)] as [(String, ClockRefusal?)])
    func bodies(body: String, expected: ClockRefusal?) {
        #expect(Array(body.utf8).withUnsafeBytes { ClockRefusal(body: $0) } == expected)
    }

    @Test(
        "The end of credentials is judged by the clock that is nearest to this machine's, and by the source's before any is known",
        arguments: [
            ([], nil, 0), ([nil], nil, 0), ([240_000], nil, 240_000), ([nil, -240_000], nil, -240_000), ([240_000, 0], nil, 0),
            ([240_000, -6000], nil, -6000), ([0], 240, 0), ([nil], 240, 240_500), ([nil], -240, -239_500), ([nil], 3, 0), ([nil], 901, 0),
            ([nil], -1200, 0),
        ] as [([Int64?], Int64?, Int64)])
    func judgement(corrections: [Int64?], sourceSeconds: Int64?, expected: Int64) {
        let source = sourceSeconds.map {
            ClockSample(dateSeconds: 1_000_000 + $0, receivedMilliseconds: 1_000_000_000, roundTripNanoseconds: 0)
        }
        #expect(ClockSkew.judgement(corrections, source: source) == expected)
    }
}
