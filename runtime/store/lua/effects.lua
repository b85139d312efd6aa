-- Oldest undelivered effects in order.
--@include view
if not isHere then return {} end
local ids = redis.call('ZRANGE', P .. 'o:' .. suffix, 0, tonumber(ARGV[5]) - 1)
if #ids == 0 then return {} end
return {ids, redis.call('HMGET', P .. 'e:' .. suffix, unpack(ids))}
