-- The handler threw, timed out or lost its client: nothing is committed, the lease is free.
--@include verb
local isHeld = slot and slot.state == 'resident' and slot.lease ~= '' and cjson.decode(slot.lease).id == command.leaseId
if not isHeld then return reply({kind = 'refused', reason = 'lease'}) end
slot.lease = ''
save(slot)
return reply({kind = 'abandoned'})
