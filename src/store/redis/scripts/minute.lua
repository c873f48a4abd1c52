-- What a deployment may take in one minute, lent to many nodes. Everything a node says is absolute, so a call may be lost.
-- KEYS[1] the minute. ARGV: node, sequence, lifetime (ms), then limit (-1: none), used, wanted; first of requests, then of tokens.
-- Answers: requests held, tokens held, tokens that others have used; nothing if the call was heard too late.
local node, sequence = ARGV[1], tonumber(ARGV[2])
local function text(number) return string.format('%.0f', number) end
local fields = { 'requests', 'tokens', 'used', 'requests:' .. node, 'tokens:' .. node, 'used:' .. node, 'sequence:' .. node }
local seen = redis.call('HMGET', KEYS[1], unpack(fields))
for place = 1, #seen do seen[place] = tonumber(seen[place]) or 0 end
if sequence <= seen[7] then return {} end

-- What was used is held, whatever the limit says; beyond it only what the others do not hold.
local function hold(limit, used, wanted, others)
  if limit < 0 then return used end
  return math.max(used, math.min(wanted, math.max(limit - others, 0)))
end
local requests = hold(tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), seen[1] - seen[4])
local tokens = hold(tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), seen[2] - seen[5])
local used = tonumber(ARGV[8])
redis.call('HSET', KEYS[1],
  'requests', text(seen[1] - seen[4] + requests), 'tokens', text(seen[2] - seen[5] + tokens),
  'used', text(seen[3] - seen[6] + used),
  fields[4], text(requests), fields[5], text(tokens), fields[6], text(used), fields[7], text(sequence))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { requests, tokens, seen[3] - seen[6] }
