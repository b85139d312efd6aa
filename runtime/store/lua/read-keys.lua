-- Names of all keys.
--@include view
return {version or '0', epoch or '0', isHere and redis.call('HKEYS', D) or {}}
