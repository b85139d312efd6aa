-- Present content of the named items.
--@include view
if not isHere then return {0} end
local found = {}
for at = 5, #ARGV, 2 do found[#found + 1] = item(ARGV[at], ARGV[at + 1]) end
return {1, found}
