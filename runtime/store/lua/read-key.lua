-- One key, with the version and epoch it belongs to.
--@include view
local found = isHere and item('d', ARGV[5])[3]
return {version or '0', epoch or '0', found}
