-- Names of keys with their sizes.
--@include view
if not isHere then return {} end
local names = {}
for at = 5, #ARGV do names[#names + 1] = sized('d', ARGV[at]) end
return names
