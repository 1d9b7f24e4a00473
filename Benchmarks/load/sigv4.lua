-- AWS Signature Version 4 for nginx's Lua module, as fast as LuaJIT lets it be: libcrypto's SHA-256 by FFI on reused contexts, the
-- signing key's HMAC midstates kept for a day, everything that holds the time kept for a second. What countersign is compared with.
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
typedef struct { unsigned int h[8]; unsigned int Nl, Nh; unsigned int data[16]; unsigned int num, md_len; } SHA256_CTX;
int SHA256_Init(SHA256_CTX *c);
int SHA256_Update(SHA256_CTX *c, const void *data, size_t len);
int SHA256_Final(unsigned char *md, SHA256_CTX *c);
]]

local crypto = ffi.C
if not pcall(function() return crypto.SHA256_Init end) then crypto = ffi.load("crypto") end

local context = ffi.new("SHA256_CTX")
local context_bytes = ffi.sizeof("SHA256_CTX")
local digest = ffi.new("unsigned char[32]")
local hex_text = ffi.new("unsigned char[64]")
local digits = ffi.new("const char *", "0123456789abcdef")
local empty_hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

local function to_hex()
    for index = 0, 31 do
        hex_text[2 * index] = digits[bit.rshift(digest[index], 4)]
        hex_text[2 * index + 1] = digits[bit.band(digest[index], 15)]
    end
    return ffi.string(hex_text, 64)
end

local function hash(text)
    crypto.SHA256_Init(context)
    crypto.SHA256_Update(context, text, #text)
    crypto.SHA256_Final(digest, context)
end

-- RFC 2104: the state after the padded key, for the inner and the outer hash.
local function midstates(key)
    if #key > 64 then
        hash(key)
        key = ffi.string(digest, 32)
    end
    local states = {}
    for name, pad in pairs({ inner = 0x36, outer = 0x5c }) do
        local block = ffi.new("unsigned char[64]")
        for index = 0, 63 do
            local byte = index < #key and key:byte(index + 1) or 0
            block[index] = bit.bxor(byte, pad)
        end
        states[name] = ffi.new("SHA256_CTX")
        crypto.SHA256_Init(states[name])
        crypto.SHA256_Update(states[name], block, 64)
    end
    return states
end

local function authenticate(states, text)
    ffi.copy(context, states.inner, context_bytes)
    crypto.SHA256_Update(context, text, #text)
    crypto.SHA256_Final(digest, context)
    ffi.copy(context, states.outer, context_bytes)
    crypto.SHA256_Update(context, digest, 32)
    crypto.SHA256_Final(digest, context)
end

local function hmac(key, text)
    authenticate(midstates(key), text)
    return ffi.string(digest, 32)
end

local Signer = {}
Signer.__index = Signer

function Signer.new(options) return setmetatable({ options = options, second = -1, day = "" }, Signer) end

function Signer:prepare(second)
    local o = self.options
    self.second = second
    self.time = os.date("!%Y%m%dT%H%M%SZ", second)
    local day = self.time:sub(1, 8)
    if day ~= self.day then
        self.day = day
        self.key = midstates(hmac(hmac(hmac(hmac("AWS4" .. o.secret, day), o.region), o.service), "aws4_request"))
    end
    local scope = day .. "/" .. o.region .. "/" .. o.service .. "/aws4_request"
    self.to_sign = "AWS4-HMAC-SHA256\n" .. self.time .. "\n" .. scope .. "\n"
    self.start = "AWS4-HMAC-SHA256 Credential=" .. o.access .. "/" .. scope .. ", SignedHeaders=host;x-amz-date, Signature="
    self.rest = "\n\nhost:" .. o.host .. "\nx-amz-date:" .. self.time .. "\n\nhost;x-amz-date\n" .. empty_hash
end

local function encode(byte) return string.format("%%%02X", byte:byte()) end

-- For a request without a query and without a body. Returns the values of Authorization and X-Amz-Date.
function Signer:sign(method, path, second)
    if second ~= self.second then self:prepare(second) end
    hash(method .. "\n" .. path:gsub("[^%w%-%._~/]", encode) .. self.rest)
    authenticate(self.key, self.to_sign .. to_hex())
    return self.start .. to_hex(), self.time
end

return Signer
