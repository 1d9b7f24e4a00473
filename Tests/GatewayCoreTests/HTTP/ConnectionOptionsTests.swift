import Testing

@testable import GatewayCore

@Suite("Fields that Connection names")
struct ConnectionOptionsTests {
    @Test(
        "The names, without those that are no field",
        arguments: [
            (["close"], []), (["Keep-Alive"], []), (["keep-alive, close"], []), ([""], []), ([",, ,"], []), (["x-one"], ["x-one"]),
            (["X-One,x-two"], ["X-One", "x-two"]), ([" x-one \t,\tclose ,x-two"], ["x-one", "x-two"]),
            (["x-one", "close, x-two"], ["x-one", "x-two"]),
            (["close,"], []), ([",x"], ["x"]),
        ])
    func names(values: [String], expected: [String]) {
        let head = requestHead("/", values.map { ("Connection", $0) })
        #expect(head.fields.nominatedFields().map { head.fields.string($0) } == expected)
    }

    @Test("Only Connection fields name others")
    func otherFields() {
        #expect(requestHead("/", [("Keep-Alive", "x-one"), ("Upgrade", "x-two"), ("Host", "x-three")]).fields.nominatedFields().isEmpty)
    }

    @Test("A name in any case means the field in any case, and no longer or shorter name")
    func matching() {
        let section = requestHead("/", [("Connection", "X-oNE"), ("x-one", "1"), ("X-ONE", "2"), ("x-on", "3"), ("x-one-two", "4")]).fields
        let nominated = section.nominatedFields()
        #expect(section.lines.map { section.isNominated($0, among: nominated) } == [false, true, true, false, false])
        #expect(!section.isNominated(section.lines[1], among: []))
    }
}
