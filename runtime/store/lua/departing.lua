-- Before `depart` is sent: from here on requests are held, because the source may have stopped serving.
--@include verb
if not (slot and slot.arriving and slot.arriving.attempt == command.attempt) then return reply({kind = 'refused'}) end
slot.arriving.departing = true
saveState(slot)
return reply({kind = 'ok'})
