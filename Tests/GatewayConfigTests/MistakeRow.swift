import Testing

/// One spoiled value, and what must be said about it.
struct MistakeRow: Sendable, CustomTestStringConvertible {
    /// Where the sample is spoiled, and with which JSON; nil removes the key.
    var spoiled: String
    var value: String?
    /// Where the mistake is reported; nil: at the same path.
    var reported: String?
    var problem: String
    var remedy: String

    init(_ spoiled: String, _ value: String?, at reported: String? = nil, _ problem: String, _ remedy: String) {
        self.spoiled = spoiled
        self.value = value
        self.reported = reported
        self.problem = problem
        self.remedy = remedy
    }

    var testDescription: String { "\(spoiled) = \(value ?? "absent")" }

    /// Exactly one mistake is reported, at the path, with both sentences.
    func check() throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let mistakes = Sample.mistakes(in: try Sample.json(replacing: spoiled, with: value), folder: folder)
        let mistake = try #require(mistakes.first, "nothing was reported")
        #expect(mistakes.count == 1, "\(mistakes)")
        #expect(mistake.path == reported ?? spoiled)
        #expect(mistake.problem.contains(problem), "\(mistake)")
        #expect(mistake.remedy.contains(remedy), "\(mistake)")
        #expect(mistake.line != nil && mistake.column != nil)
    }
}
