-- The reservation ends: back to what was believed before. A later commit of it finds none (that is the fence).
--@include verb
if not (slot and slot.arriving and slot.arriving.attempt == command.attempt) then return reply({kind = 'refused'}) end
dropArriving(slot)
return reply({kind = 'dropped'})
