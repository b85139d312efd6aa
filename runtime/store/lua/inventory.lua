-- Names and sizes of everything the session consists of; of many keys only the names: their sizes are asked for in parts (sizes.lua).
--@include view
if not isHere then return {} end
local keys, replies, effects, lanes = allNames()
if #keys <= LIMIT.KEYS_AT_ONCE then return {mapNames(sized, keys, replies, effects, lanes), {}} end
return {mapNames(sized, {}, replies, effects, lanes), keys}
