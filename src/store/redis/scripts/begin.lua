-- Begins a budget's count with what was spent before; every node tells its part anew.
-- KEYS[1] the count. ARGV: epoch, window's end, window, spent (nano-dollars), lifetime (ms), "1": also if there is one.
if ARGV[6] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'ends', ARGV[2], 'span', ARGV[3], 'spent', ARGV[4], 'total', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
