-- Breakers that are open, by when they end; each node adds its own and hears of all.
-- KEYS[1] the breakers. ARGV: how many are told at most, lifetime (ms), then a deployment and for how long (ms) it is left alone, and so on.
-- Answers: a deployment and for how long, and so on; those that last longest.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
for place = 3, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], 'GT', text(now + tonumber(ARGV[place + 1])), ARGV[place])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
if #ARGV > 2 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local open = redis.call('ZREVRANGE', KEYS[1], 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
-- Whatever somebody else has written there, it is a number that can be read.
for place = 2, #open, 2 do open[place] = text(math.min(tonumber(open[place]) - now, tonumber(ARGV[2]))) end
return open
