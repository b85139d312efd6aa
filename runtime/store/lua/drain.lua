-- Names and sizes of what was written since the copy began or the last drain; empties the notes.
--@include view
if state ~= 'resident' or redis.call('HGET', slotKey, 'copying') ~= ARGV[5] then return {0} end
local names = mapNames(sized, notedNames())
redis.call('UNLINK', P .. 'nd:' .. session, P .. 'nr:' .. session, P .. 'nx:' .. session, P .. 'nm:' .. session)
return {1, names}
