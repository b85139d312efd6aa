-- Names and sizes of everything the session consists of.
--@include view
if not isHere then return {} end
return mapNames(sized, allNames())
