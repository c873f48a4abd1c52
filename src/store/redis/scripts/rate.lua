-- A token bucket that many nodes borrow from: what they give back and what they used beyond it, then a lease.
-- KEYS[1] the bucket. ARGV: tokens a minute, charge, give, want, need.
-- `level` is how many microseconds refill all that is out: it means the same under any limit.
local limit, charge, give = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local want, need = tonumber(ARGV[4]), tonumber(ARGV[5])
local minute = 60000000
local cost = minute / limit
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local seen = redis.call('HMGET', KEYS[1], 'level', 'at')
-- A server whose clock is behind that of the one before it waits for it.
local at = math.max(tonumber(seen[2]) or now, now)
local level = math.max(0, (tonumber(seen[1]) or 0) - (at - (tonumber(seen[2]) or now)))
level = math.max(0, level - give * cost) + charge * cost
local free = math.max(0, math.floor((minute - level) / cost + 0.000001))
local granted, wait = 0, 0
if want > 0 then
  if free >= need then
    granted = math.min(free, want)
    level = level + granted * cost
  else
    wait = math.ceil(level + need * cost - minute)
  end
end
redis.call('HSET', KEYS[1], 'level', string.format('%.17g', level), 'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], math.ceil(level / 1000) + 1000)
return { granted, math.ceil(level), free - granted, wait }
