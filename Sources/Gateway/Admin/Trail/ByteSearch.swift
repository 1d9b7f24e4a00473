import Glibc

extension UnsafeRawBufferPointer {
    /// Where `byte` stands at or behind `start`.
    func offset(of byte: UInt8, from start: Int) -> Int? {
        guard let base = baseAddress, start < count, let found = memchr(base + start, Int32(byte), count - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// Whether `text` stands somewhere in it. The C library's search passes over what does not begin like it.
    func contains(text: UnsafeRawBufferPointer) -> Bool {
        guard let base = baseAddress, let wanted = text.baseAddress, let first = text.first else { return text.isEmpty }
        var start = 0
        while let place = offset(of: first, from: start), place + text.count <= count {
            if memcmp(base + place, wanted, text.count) == 0 { return true }
            start = place + 1
        }
        return false
    }
}
