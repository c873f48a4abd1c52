-- Requests at once, over many nodes. Everything a node says is absolute, so a call or its answer may be lost.
-- KEYS[1] the places, by lessee: how many, the last word's number, until when (ms), how many it needs besides, until when.
-- ARGV: lessee, sequence, limit, keep, target, need, lifetime (ms): a lessee of whom nothing is heard for so long has none; and
-- for how long (ms) a place is wanted that was asked for in vain.
-- Answers: places held, those that others hold, those that others need; nothing if the call was heard too late.
local lessee, sequence = ARGV[1], tonumber(ARGV[2])
local lifetime = tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others, needed, gone = 0, 0, {}
local all = redis.call('HGETALL', KEYS[1])
for place = 1, #all, 2 do
  local count, last, ends, lacks, lacked = string.match(all[place + 1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not ends or tonumber(ends) <= now then
    gone[#gone + 1] = all[place]
  elseif all[place] ~= lessee then
    others = others + tonumber(count)
    if tonumber(lacked) > now then needed = needed + tonumber(lacks) end
  elseif sequence <= tonumber(last) then
    return {}
  end
end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end

-- What a node keeps is in use, whatever the limit says; beyond it there is only what the others do not hold.
local held = math.max(tonumber(ARGV[4]), math.min(tonumber(ARGV[5]), tonumber(ARGV[3]) - others))
local lacks = math.max(tonumber(ARGV[6]) - held, 0)
if held + lacks > 0 then
  local ends, lacked = now + lifetime, now + tonumber(ARGV[8])
  redis.call('HSET', KEYS[1], lessee, string.format('%.0f %.0f %.0f %.0f %.0f', held, sequence, ends, lacks, lacked))
  redis.call('PEXPIRE', KEYS[1], lifetime)
else
  redis.call('HDEL', KEYS[1], lessee)
end
return { held, others, needed }
