-- Adds to what is staged for an attempt; nobody sees it before the commit.
local P, now, session, space = ARGV[1], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local slotKey = P .. 's:' .. session
local rest = redis.call('HGET', slotKey, 'rest')
local arriving = rest and cjson.decode(rest).arriving
if not arriving or arriving.attempt ~= space then return 0 end
local tallyKey = P .. 't:' .. #space .. ':' .. space .. ':' .. session
local tally = redis.call('HMGET', tallyKey, 'bytes', 'nextReply', 'effects', 'nextEffect')
local bytes, nextReply, effects, nextEffect = tonumber(tally[1] or 0), tonumber(tally[2] or 0), tonumber(tally[3] or 0), tonumber(tally[4] or 0)
local isNoting, freshKey, at, count = false, nil, 7, ARGV[6]
--@include space
redis.call('HSET', tallyKey, 'bytes', bytes, 'nextReply', nextReply, 'effects', effects, 'nextEffect', nextEffect)
return 1
