/// The Lua script by which a Redis or Valkey counts for several gateways: GCRA for all limits of one request, all or none, in one step
/// that nothing can come between.
///
/// The state of a key is its theoretical arrival time on the store's clock: whole microseconds since 1970 and a part, the numerator of
/// a fraction of one microsecond whose denominator is that of the emission interval. Lua's numbers are IEEE doubles, which hold every
/// integer up to 2^53; every quantity here is a sum or a difference of two integers below 2^52, so each step is exact until the year 2112
/// and no rate drifts: 7 in a second are 142,857 + 1/7 us, and seven of them are a second. Only where a gateway comes with another rate
/// than the last one had (a reload under way) is a product rounded, to at most 1 us more.
///
/// Keys expire when they are full again, for a full key and one never used are the same. A key that is missing is given the level that
/// the asking gateway knows, so a store that has lost its memory does not hand out fresh bursts.
///
/// The store's clock alone counts. When it is set back (another server took over), a level further ahead than any request could have
/// moved it counts as just used up.
public enum SharedLimitScript {
    /// `ARGV[1]`: take one from each key, all or none.
    public static let take = "take"
    /// `ARGV[1]`: give back one to each key.
    public static let giveBack = "give"
    /// How many arguments each key has: interval (whole, part), denominator, window (whole, part), furthest, allowed wait, known backlog.
    /// All but part and denominator are microseconds.
    public static let argumentsPerKey = 8

    /// `KEYS`: one for each limit. `ARGV`: the verb, then eight for each key.
    ///
    /// Answers integers: 1 or 0 (taken or not); the longest wait of all keys in microseconds, rounded up; the position (from 1) of the
    /// key that it is for, 0 where none; then for each key how far its state is ahead of now, whole and part: after the request where it
    /// was taken, as it is where not.
    ///
    /// A request whose waits all lie within what it is allowed is taken at once and goes on when the longest is over.
    public static let text = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local giving = ARGV[1] == 'give'
        local before, after = {}, {}
        local lawful, wait, slowest = 1, 0, 0
        for i = 1, #KEYS do
          local a = 8 * i - 6
          local q, r, d = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
          local wq, wr, furthest = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
          local whole, part = now, 0
          local held = redis.call('GET', KEYS[i])
          if held then
            local w, p, oq, opart, od = string.match(held, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
            if w then
              whole, part = tonumber(w), tonumber(p)
              if oq ~= ARGV[a] or opart ~= ARGV[a + 1] or od ~= ARGV[a + 2] then
                local spent = (whole - now + part / tonumber(od)) / (tonumber(oq) + tonumber(opart) / tonumber(od))
                whole, part = now + math.min(math.max(math.ceil(spent * (q + r / d)), 0), wq), 0
              end
            end
          elseif not giving then
            whole = now + tonumber(ARGV[a + 7])
          end
          if whole < now then whole, part = now, 0 end
          if whole - now > furthest then whole, part = now + wq, wr end
          before[i] = {whole, part}
          if giving then
            whole, part = whole - q, part - r
            if part < 0 then whole, part = whole - 1, part + d end
            if whole < now then whole, part = now, 0 end
          else
            whole, part = whole + q, part + r
            if part >= d then whole, part = whole + 1, part - d end
            local due = whole - wq - now
            if part > wr then due = due + 1 end
            if due > wait then wait, slowest = due, i end
            if due > tonumber(ARGV[a + 6]) then lawful = 0 end
          end
          after[i] = {whole, part}
        end
        local answer = {lawful, wait, slowest}
        for i = 1, #KEYS do
          local state = before[i]
          if lawful == 1 then
            local a = 8 * i - 6
            state = after[i]
            if state[1] > now then
              local value = string.format('%.0f %.0f %s %s %s', state[1], state[2], ARGV[a], ARGV[a + 1], ARGV[a + 2])
              redis.call('SET', KEYS[i], value, 'PX', string.format('%.0f', math.ceil((state[1] - now) / 1000) + 1))
            elseif giving then
              redis.call('DEL', KEYS[i])
            end
          end
          answer[2 * i + 2] = state[1] - now
          answer[2 * i + 3] = state[2]
        end
        return answer
        """
}
