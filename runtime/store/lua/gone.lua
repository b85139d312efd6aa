-- Home ended the session: whoever only points to it may stop pointing.
--@include verb
local isStub = slot and slot.state == 'remote' and slot.incarnation == command.incarnation
if not isStub or slot.arriving or command.epoch < slot.epoch then return reply({kind = 'ignored'}) end
slot.state, slot.epoch, slot.lastAccessAtMs = 'tombstone', command.epoch, now
save(slot)
return reply({kind = 'gone'})
