-- A budget that many nodes borrow from. All amounts are nano-dollars in this window, absolute, below 2^53: exact.
-- KEYS[1] the count. ARGV: lessee, sequence, epoch, window's end, window, maximum, spent, target, floor, farewell, lifetime (ms),
-- the lessee's generation.
-- Answers: {0, held, spent, total}, {1, epoch, spent, total}, {2, window's end}, {3} there is no count, {4} heard too late.
local lessee, sequence = ARGV[1], tonumber(ARGV[2])
local node = lessee .. '.' .. ARGV[12]
local ends, span = tonumber(ARGV[4]), ARGV[5]
local most, spent = tonumber(ARGV[6]), tonumber(ARGV[7])
local target, floor, farewell = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10] == '1'
local function text(number) return string.format('%.0f', number) end
local function set(...) redis.call('HSET', KEYS[1], ...) end

local count = redis.call('HMGET', KEYS[1], 'epoch', 'ends', 'span', 'spent', 'total')
if not count[1] then return { 3 } end
local epoch, window = count[1], tonumber(count[2])
local all, total = tonumber(count[4]), tonumber(count[5])
if span ~= count[3] then
  -- Another window for the same money: it ends when the new one does.
  window = ends
  set('ends', text(ends), 'span', span)
elseif ends > window then
  redis.call('DEL', KEYS[1])
  all, total, window = 0, 0, ends
  set('epoch', epoch, 'ends', text(ends), 'span', span, 'spent', '0', 'total', '0')
  redis.call('PEXPIRE', KEYS[1], ARGV[11])
elseif ends < window then
  return { 2, window }
end
if ARGV[3] ~= epoch then return { 1, tonumber(epoch), all, total } end

local fields, gone = { 'held:' .. node, 'spent:' .. node, 'sequence:' .. node }, 'gone:' .. lessee
local mine = redis.call('HMGET', KEYS[1], gone, unpack(fields))
local held, before = tonumber(mine[2]) or 0, tonumber(mine[3]) or 0
if sequence <= (tonumber(mine[4]) or 0) or sequence <= (tonumber(mine[1]) or 0) then return { 4 } end
spent = math.max(spent, before)
-- In this order: no sum of two of them is exact.
all = all + (spent - before)
local others = total - math.max(held, before)
held = math.max(held, spent)
if target < held then
  held = math.max(target, spent)
else
  local top = math.min(target, most - others)
  if top >= floor and top > held then held = top end
end
total = others + held
if farewell and held == spent then
  redis.call('HDEL', KEYS[1], unpack(fields))
  -- What it had said before, and comes late, is not counted again.
  set(gone, text(sequence))
else
  set(fields[1], text(held), fields[2], text(spent), fields[3], text(sequence))
end
set('spent', text(all), 'total', text(total))
redis.call('PEXPIRE', KEYS[1], ARGV[11])
return { 0, held, all, total }
