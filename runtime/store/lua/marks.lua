-- How far every sender's deliveries have got.
--@include view
if not isHere then return {} end
return redis.call('HGETALL', P .. 'm:' .. suffix)
